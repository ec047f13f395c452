import { randomBytes, randomUUID, X509Certificate } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createCertificate } from './certificate.js'

/**
 * Returns the key and the certificate of an example, and a secret that signs cookies. They are kept in a file: after a
 * restart, browsers still trust the certificate that their users accepted, and cookies are still valid.
 */
export async function readKeys (file = new URL('../../.cache/examples/keys.json', import.meta.url)) {
  return await readValid(file) ?? await create(file)
}

/** Returns undefined if there is no file, if it is damaged, or if its certificate has expired. */
async function readValid (file) {
  try {
    const keys = JSON.parse(await readFile(file, 'utf8'))
    return Date.parse(new X509Certificate(keys.cert).validTo) > Date.now() ? keys : undefined
  } catch {
    return undefined
  }
}

async function create (file) {
  await mkdir(new URL('.', file), { recursive: true })
  const temporary = new URL(`${randomUUID()}.json`, file)
  const keys = { ...await createCertificate(), secret: randomBytes(32).toString('base64url') }
  await writeFile(temporary, JSON.stringify(keys), { mode: 0o600 })
  try {
    // Another program may create the file at the same time. link() adds the whole file, and never replaces another one.
    if (await readValid(file) === undefined) await rm(file, { force: true })
    await link(temporary, file)
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  } finally {
    await rm(temporary)
  }
  return JSON.parse(await readFile(file, 'utf8'))
}
