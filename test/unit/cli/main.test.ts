import { createServer as createTcpServer } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { PROBE_OPTIONS } from '../../../lib/cli/options.ts'
import { read, readPage } from '../../docs/pages.ts'
import { echo } from '../../helpers/echo.ts'
import { listen, runCommand } from '../../helpers/probe.ts'
import { H1_BESIDE_H2, H2C, H2_TLS, start } from '../../helpers/transports.ts'
import type { Transport } from '../../helpers/transports.ts'

const page = readPage('docs/probe.md')

async function serve (t: Test, transport: Transport): Promise<string> {
  const { origin } = await start(t, transport, (app) => {
    app.get('/echo', { websocket: true }, echo)
    app.get('/private', { websocket: true, preHandler: async (_request, reply) => reply.code(401).send() }, () => {})
  })
  return origin.replace('http', 'ws')
}

void t.test('the output has the shape of the sample in docs/probe.md', async (t) => {
  const { code, stdout } = await runCommand('probe', `${await serve(t, H1_BESIDE_H2)}/echo`, '--insecure')
  const { code: sample } = page.blocks.find(({ language }) => language === 'text')!
  t.equal(code, 0)
  t.equal(toShape(stdout), toShape(sample))
})

void t.test('--json prints one object, with the exit code', async (t) => {
  const { code, stdout } = await runCommand('probe', '--json', '--http', '2', `${await serve(t, H2C)}/private`)
  t.equal(code, 4)
  t.match(JSON.parse(stdout), { exitCode: 4, socket: { status: 401 }, diagnosis: /refused the socket with 401/ })
})

void t.test('a closed port, a bad certificate and a server that never answers exit with 5', async (t) => {
  t.match(await runCommand('probe', 'ws://127.0.0.1:1'), { code: 5, stdout: /Nothing listens on port 1/ })
  t.match(await runCommand('probe', `${await serve(t, H2_TLS)}/echo`), { code: 5, stdout: /not trusted: it is self-signed/ })
  const silent = await listen(t, createTcpServer())
  t.match(await runCommand('probe', '--timeout', '100', `ws://127.0.0.1:${silent}`), { code: 5, stdout: /longer than 100 ms/ })
})

void t.test('a server cannot write to the terminal', async (t) => {
  const evil = 'HTTP/1.1 403 No\r\nx-evil: \x9b31m\r\n\r\n\x1b[31m\x07'
  const server = createTcpServer((socket) => socket.once('data', () => socket.end(Buffer.from(evil, 'latin1'))))
  const { code, stdout } = await runCommand('probe', `ws://127.0.0.1:${await listen(t, server)}`)
  t.equal(code, 4)
  t.match(stdout, 'x-evil              \\u009b31m')
  t.match(stdout, 'body                \\u001b[31m\\u0007')
  t.notMatch(stdout.replaceAll('\n', ''), /\p{Cc}/u)
})

void t.test('invalid arguments exit with 2, and the usage on stderr', async (t) => {
  const { code, stdout, stderr } = await runCommand('probe', '--jsn', 'wss://localhost')
  t.same({ code, stdout }, { code: 2, stdout: '' })
  t.match(stderr, /^unknown option "--jsn": did you mean "--json"\?\nusage: npx fastify-websocket-h2 probe/)
})

void t.test('--help and --version exit with 0', async (t) => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  t.same(await runCommand('--version'), { code: 0, stdout: `${version}\n`, stderr: '' })
  const help = await runCommand('probe', '--help')
  t.equal(help.code, 0)
  for (const name of Object.keys(PROBE_OPTIONS)) t.ok(help.stdout.includes(`--${name} `), name)
})

/** Replaces the parts of an output that differ between runs. */
function toShape (output: string): string {
  return output.trim()
    .replace(/^wss:.*/, 'URL')
    .replace(/port \d+/, 'PORT')
    .replace(/[\d.]+ ms/g, 'TIME')
    .replace(/(date +).*/, '$1DATE')
}
