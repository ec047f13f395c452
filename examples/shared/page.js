import { readFile, readdir } from 'node:fs/promises'
import { extname } from 'node:path'

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8'
}

/**
 * Serves the page of an example: the files of `directory`, a URL, and the styles that pages share. `files` has other
 * scripts and styles, by their path. `connectTo` returns the sources, for the Content-Security-Policy, that the page's
 * sockets may connect to in addition to the page's own origin.
 */
export async function servePage (app, { directory, files = {}, connectTo = () => '' }) {
  const names = await readdir(directory)
  const own = Object.fromEntries(names.map((name) => [`/${name}`, new URL(name, directory)]))
  const all = { '/base.css': new URL('base.css', import.meta.url), ...own, ...files }
  for (const [path, file] of Object.entries(all)) {
    const content = await readFile(file)
    const type = TYPES[extname(file.pathname)]
    app.get(path === '/index.html' ? '/' : path, (request, reply) => {
      reply.headers(headersOf(connectTo())).type(type).send(content)
    })
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
