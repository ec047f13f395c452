import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from 'selfsigned'

const DNS = 2
const IP = 7

export const CERTIFICATE_FILES = ['ca.pem', 'cert.pem', 'key.pem', 'haproxy.pem']

/** Writes what the app, the proxies and the clients need to trust each other. HAProxy wants two files in one. */
export async function writeCertificate (folder) {
  const ca = await generate([{ name: 'commonName', value: 'Interop CA' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true }
    ]
  })
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
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
  const contents = [ca.cert, leaf.cert, leaf.private, `${leaf.cert}\n${leaf.private}`]
  for (const [index, file] of CERTIFICATE_FILES.entries()) await writeFile(join(folder, file), contents[index])
}
