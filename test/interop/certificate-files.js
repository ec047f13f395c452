import { cp, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSignedCertificate } from '../helpers/certificate.js'

const CERTIFICATE_FILES = ['ca.pem', 'cert.pem', 'key.pem', 'haproxy.pem']

/** Writes the certificates of the app, the proxies and the clients. HAProxy needs certificate and key in one file. */
export async function writeCertificateFiles (folder) {
  const { ca, cert, key } = await createSignedCertificate()
  const contents = [ca, cert, key, `${cert}\n${key}`]
  for (const [index, file] of CERTIFICATE_FILES.entries()) await writeFile(join(folder, file), contents[index])
}

/** Creates a folder with the certificates for a proxy: two proxies cannot share their files. Returns its path. */
export async function prepareFolder (folder, prefix) {
  const path = await mkdtemp(join(folder, prefix))
  for (const file of CERTIFICATE_FILES) await cp(join(folder, file), join(path, file))
  return path
}
