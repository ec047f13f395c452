import { readFile } from 'node:fs/promises'

/** Files of each page, and of this directory, which has the styles that pages share. */
const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/script.js', 'script.js', 'text/javascript; charset=utf-8'],
  ['/style.css', 'style.css', 'text/css; charset=utf-8'],
  ['/base.css', new URL('base.css', import.meta.url), 'text/css; charset=utf-8']
]

// connect-src 'self' allows the page's socket: wss: counts as the page's own origin.
const HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy': [
    "default-src 'none'", "connect-src 'self'", 'img-src data:', "script-src 'self'", "style-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

/** Serves the page of an example. `directory` is the URL of its files, and `scripts` has other modules, by their path. */
export async function servePage (app, { directory, scripts = {} }) {
  const others = Object.entries(scripts).map(([path, file]) => [path, file, 'text/javascript; charset=utf-8'])
  for (const [path, file, type] of [...FILES, ...others]) {
    const content = await readFile(new URL(file, directory))
    app.get(path, (request, reply) => reply.headers(HEADERS).type(type).send(content))
  }
}
