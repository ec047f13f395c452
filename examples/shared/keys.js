import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createCertificate } from './certificate.js'

/**
 * Returns the key and the certificate of an example, and a secret that signs cookies. They are kept in a file: after a
 * restart, browsers still trust the certificate that their users accepted, and cookies are still valid.
 */
export async function readKeys (file = new URL('../../.cache/examples/keys.json', import.meta.url)) {
  try {
    const keys = JSON.parse(await readFile(file, 'utf8'))
    if (Date.parse(new X509Certificate(keys.cert).validTo) > Date.now()) return keys
  } catch {
    // There is no such file yet.
  }
  const keys = { ...await createCertificate(), secret: randomBytes(32).toString('base64url') }
  await mkdir(new URL('.', file), { recursive: true })
  await writeFile(file, JSON.stringify(keys), { mode: 0o600 })
  return keys
}
