import { generate } from 'selfsigned'

const DNS = 2
const IP = 7

/** Creates a private key and a self-signed certificate for `localhost`, and for alternative names if there are any. */
export async function createCertificate (...names) {
  const altNames = names.map((value) => ({ type: DNS, value }))
  const extensions = names.length > 0 ? { extensions: [{ name: 'subjectAltName', altNames }] } : {}
  const { private: key, cert } = await generate(nameOf('localhost'), { keyType: 'ec', ...extensions })
  return { key, cert }
}

/** Creates a private key and a self-signed certificate for `localhost` that has expired. */
export async function createExpiredCertificate () {
  const { private: key, cert } = await generate(nameOf('localhost'), {
    keyType: 'ec', notBeforeDate: new Date('2020-01-01'), notAfterDate: new Date('2021-01-01')
  })
  return { key, cert }
}

/** Creates a certificate authority, and a private key and a certificate for `localhost` that the authority signed. */
export async function createSignedCertificate () {
  const ca = await generate(nameOf('Test CA'), {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true }
    ]
  })
  const { private: key, cert } = await generate(nameOf('localhost'), {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: DNS, value: 'localhost' }, { type: IP, ip: '127.0.0.1' }] }
    ]
  })
  return { ca: ca.cert, key, cert }
}

function nameOf (commonName) {
  return [{ name: 'commonName', value: commonName }]
}
