import selfsigned from 'selfsigned'

const DNS = 2
const IP = 7

/** Creates a private key and a self-signed certificate for localhost. Browsers use HTTP/2 only with TLS. */
export async function createCertificate () {
  const { private: key, cert } = await selfsigned.generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: DNS, value: 'localhost' },
          { type: IP, ip: '127.0.0.1' },
          { type: IP, ip: '::1' }
        ]
      }
    ]
  })
  return { key, cert }
}
