import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'

/** Files of each page, and of this directory, which has the styles that pages share. */
const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/script.js', 'script.js', 'text/javascript; charset=utf-8'],
  ['/style.css', 'style.css', 'text/css; charset=utf-8'],
  ['/base.css', new URL('base.css', import.meta.url), 'text/css; charset=utf-8']
]

const TYPES = { '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8' }

/**
 * Serves the page of an example. `directory` is the URL of its files, and `files` has other scripts and styles, by their
 * path. `connectTo` returns the sources, for the Content-Security-Policy, that the page's sockets may connect to in addition
 * to the page's own origin.
 */
export async function servePage (app, { directory, files = {}, connectTo = () => '' }) {
  const others = Object.entries(files).map(([path, file]) => [path, file, TYPES[extname(path)]])
  for (const [path, file, type] of [...FILES, ...others]) {
    const content = await readFile(new URL(file, directory))
    app.get(path, (request, reply) => reply.headers(headersOf(connectTo())).type(type).send(content))
  }
}

function headersOf (sources) {
  return {
    'cache-control': 'no-cache',
    'content-security-policy': [
      // 'self' allows the page's socket: wss: counts as the page's own origin.
      "default-src 'none'", `connect-src 'self' ${sources}`, 'img-src data:', "script-src 'self'", "style-src 'self'",
      "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"
    ].join('; '),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff'
  }
}
