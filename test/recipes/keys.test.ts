/** examples/shared/keys.js, which the programs share. */
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { ROOT } from '../docs/pages.ts'
import { createExpiredCertificate } from '../helpers/certificate.js'

interface Keys { key: string, cert: string, secret: string }

const { readKeys } = await import(String(new URL('examples/shared/keys.js', ROOT))) as {
  readKeys (file: URL): Promise<Keys>
}

void t.test('programs that start at the same time have the same keys, and so has one that starts later', async (t) => {
  const file = keysFile(t)
  const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => readKeys(file)))
  for (const keys of [...others, await readKeys(file)]) t.same(keys, first)
  t.same(JSON.parse(await readFile(file, 'utf8')), first)
  t.same(await readdir(new URL('.', file)), ['keys.json'])
  if (process.platform !== 'win32') t.equal((await stat(file)).mode & 0o777, 0o600)
})

void t.test('a file that is damaged, or whose certificate has expired, is replaced', async (t) => {
  const file = keysFile(t)
  await mkdir(new URL('.', file))
  for (const content of ['', '{"cert":"', '{}', JSON.stringify(await createExpiredCertificate())]) {
    await writeFile(file, content)
    const keys = await readKeys(file)
    t.match(keys, { key: /PRIVATE KEY/, cert: /CERTIFICATE/, secret: /^.{43}$/ })
    t.same(JSON.parse(await readFile(file, 'utf8')), keys)
  }
})

function keysFile (t: Test): URL {
  return new URL('created/keys.json', `${pathToFileURL(t.testdir())}/`)
}
