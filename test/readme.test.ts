import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { readFile } from 'node:fs/promises'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import websocket from '../index.ts'
import { connect } from '../lib/client/index.ts'
import { CONNECT_OPTIONS } from '../lib/options/client.ts'
import * as errors from '../lib/errors.ts'
import { PLUGIN_OPTIONS, SERVER_OPTIONS } from '../lib/options/plugin.ts'
import { RECEIVE_WINDOW_OPTIONS } from '../lib/options/receive-window.ts'
import { ROUTE_OPTIONS } from '../lib/options/route.ts'
import { SHUTDOWN_OPTIONS } from '../lib/options/shutdown.ts'
import { closed } from './helpers/transports.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

/** Errors that a client gets as the status of an answer. */
const ANSWERED = [
  'FST_WS_NO_WEBSOCKET_ROUTE', 'FST_WS_SHUTTING_DOWN', 'FST_WS_INVALID_HEADER', 'FST_WS_INVALID_SUBPROTOCOL',
  'FST_WS_INVALID_REFUSAL'
]

function section (title: string): string {
  return readme.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
}

function rows (table: string): string[] {
  return [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name!)
}

void t.test('README lists every error, with its status', async (t) => {
  const [table = ''] = section('Errors').split('\nWhat a client gets')
  t.same(rows(table).sort(), Object.keys(errors).sort())
  for (const [code, FastifyError] of Object.entries(errors)) {
    const { statusCode } = new (FastifyError as unknown as new (...args: string[]) => { statusCode: number })('', '', '')
    const isAnswer = ANSWERED.includes(code)
    t.ok(table.includes(`| \`${code}\` | ${isAnswer ? `${statusCode} ` : ''}|`), code)
  }
})

void t.test('README lists every option', async (t) => {
  t.same(rows(section('Routes')), Object.keys(ROUTE_OPTIONS))
  t.same(rows(section('Client')), [...Object.keys(CONNECT_OPTIONS), 'protocols'])
  t.same(rows(section('Options')), Object.keys(PLUGIN_OPTIONS))
  for (const nested of [RECEIVE_WINDOW_OPTIONS, SHUTDOWN_OPTIONS]) {
    t.ok(section('Options').includes(`| \`{ ${Object.keys(nested).join(', ')} }\` |`))
  }
  for (const name of Object.keys(SERVER_OPTIONS)) t.ok(section('Options').includes(`\`${name}\``), name)
})

void t.test('README has every client and proxy that npm run interop drives', async (t) => {
  const named = [...section('Clients and proxies').matchAll(/^\| \[?([^|\]]+?)(?:\]\([^)]+\))? \| /gm)].map(([, name]) => name)
  const peers = [...await list('clients.js', 'CLIENTS'), ...await list('proxies/index.js', 'PROXIES')]
  const names = peers.map(({ name }) => name.replace(/, Node \d+$/, ''))
  t.same(new Set(named), new Set(['client', ...names, 'proxy']))

  async function list (file: string, name: string): Promise<Array<{ name: string }>> {
    const exported = await import(new URL(`interop/${file}`, import.meta.url).href) as Record<string, Array<{ name: string }>>
    return exported[name]!
  }
})

void t.test('README lists every event', async (t) => {
  const [ofSocket = '', ofServer = ''] = section('Events').split('\n| `app.websocketServer` tells')
  const told = { socket: new Set<string>(), server: new Set<string>() }
  const app: FastifyInstance = fastify()
  await app.register(websocket, { errorHandler: () => {} })
  record(app.websocketServer, told.server)
  app.websocketServer.on('wsClientError', (_error, connection) => connection.destroy())
  app.get('/', { websocket: true }, (socket) => {
    record(socket, told.socket)
    socket.on('message', () => {
      socket.send(Buffer.alloc(1024 * 1024))
      socket.ping()
    })
  })

  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const malformed = connect(address, { headers: { 'sec-websocket-protocol': 'not a token' } })
  await new Promise((resolve) => malformed.once('error', resolve))

  const socket = await app.injectWS()
  const answered = Promise.all([once(socket, 'message'), once(socket, 'ping')])
  socket.ping()
  socket.send('go')
  await answered
  socket.send('x', { mask: false })
  await closed(socket)
  await app.close()

  t.same(rows(ofSocket).sort(), [...told.socket].sort())
  t.same(rows(ofServer).sort(), [...told.server].sort())
})

/** What an emitter tells from now on, but for what Node's emitters tell of themselves. */
function record (emitter: EventEmitter, told: Set<string>): void {
  const { emit } = emitter
  emitter.emit = (event, ...parameters) => {
    if (event !== 'newListener') told.add(String(event))
    return emit.call(emitter, event, ...parameters)
  }
}
