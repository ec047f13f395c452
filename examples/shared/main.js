import { realpathSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readKeys } from './keys.js'
import { listen } from './listen.js'

/**
 * Starts the app of a program over HTTP/2 and HTTP/1.1, with a self-signed certificate, if Node.js was started with this
 * program. Does nothing if another module, such as a test, imports it.
 *
 * @param {string} url the `import.meta.url` of the program
 * @param {(options: any) => Promise<any>} build returns an app of Fastify
 */
export async function startIfMain (url, build) {
  const file = fileURLToPath(url)
  if (process.argv[1] === undefined || realpathSync(process.argv[1]) !== file) return
  const { key, cert } = await readKeys()
  const app = await build({ http2: true, https: { allowHTTP1: true, key, cert }, logger: { level: 'warn' } })
  await listen(app, `node ${relative('', file)}`)
}
