/** Reference servers: echo servers in other languages, over HTTP/2 if their libraries support RFC 8441. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SOURCES = fileURLToPath(new URL('.', import.meta.url))
const CACHE = fileURLToPath(new URL('../../.cache/references/', import.meta.url))

const BUN = `${CACHE}bun/node_modules/.bin/bun`
const JETTY = `${CACHE}java/classes/JettyEcho.class`
const JAVA_OPTIONS = ['-Dorg.eclipse.jetty.LEVEL=WARN', '-cp', `${CACHE}java/lib/*:${CACHE}java/classes`]

/**
 * The programs that install.sh installs, and the commands that start them. A command takes the paths of a certificate
 * and its key as further arguments, and prints a line of JSON when the server listens: `port`, `name` and `version`. The
 * server answers each line of its input with a line, after a garbage collection if it has one, and exits when its input
 * closes. `warmUps` says how many times longer than the other servers it has to run before it is measured.
 */
export const referenceServers = [
  // The JVM interprets at first, and compiles a method again with each of its compilers.
  { ...reference('java', 'Jetty, Java', JETTY, ['java', ...JAVA_OPTIONS, 'JettyEcho']), warmUps: 10 },
  reference('go', 'x/net/http2, Go', `${CACHE}go-echo`),
  reference('rust', 'axum, Rust', `${CACHE}rust/release/axum-echo`),
  reference('yawc', 'yawc, Rust', `${CACHE}rust/release/yawc-echo`),
  reference('python', 'hypercorn, Python', `${CACHE}python/bin/hypercorn`, [
    `${CACHE}python/bin/python`, `${SOURCES}python/server.py`
  ]),
  { ...reference('bun', 'Bun.serve', BUN, [BUN, `${SOURCES}bun/server.js`]), transport: 'h1' }
]

/** Returns the variants of the installed reference servers, by their names. */
export function referenceVariants () {
  const installed = referenceServers.filter(({ program }) => existsSync(program))
  return Object.fromEntries(installed.map(({ name, label, transport, warmUps }) => (
    [name, { label, server: name, transport, warmUps }]
  )))
}

function reference (name, label, program, command = [program]) {
  return { name, label, program, command, transport: 'h2', warmUps: 1 }
}
