import { readFile } from 'node:fs/promises'

const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/script.js', 'script.js', 'text/javascript; charset=utf-8'],
  ['/style.css', 'style.css', 'text/css; charset=utf-8']
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

/** Serves the page of the example. */
export async function servePage (app) {
  for (const [path, name, type] of FILES) {
    const content = await readFile(new URL(`page/${name}`, import.meta.url))
    app.get(path, (request, reply) => reply.headers(HEADERS).type(type).send(content))
  }
}
