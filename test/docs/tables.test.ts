import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { maxHeaderSize } from 'node:http'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import { computeSessionMemory } from '../../lib/http2/session-memory.ts'
import { PLUGIN_OPTIONS } from '../../lib/options/plugin.ts'
import { RECEIVE_WINDOW_OPTIONS } from '../../lib/options/receive-window.ts'
import { closed } from '../helpers/waiting.ts'
import { readWsDefaults, statedValues, toStated } from './defaults.ts'
import { byName, pages, read } from './pages.ts'
import type { Table } from './pages.ts'
import {
  CONNECT_DEFAULTS, DRAIN_DEFAULTS, EXIT_CODES, GATEWAY_DEFAULTS, NESTED_DEFAULTS, OPTIONS, PLUGIN_DEFAULTS,
  PROBE_OPTIONS, RECONNECT_DEFAULTS, VULNERABILITIES, connect, errors
} from './subjects.ts'

/** Errors that answer a client with their status. */
const ANSWERED = [
  'FST_WS_NO_WEBSOCKET_ROUTE', 'FST_WS_ORIGIN_NOT_ALLOWED', 'FST_WS_UPGRADE_REQUIRED', 'FST_WS_SHUTTING_DOWN',
  'FST_WS_TOO_MANY_SOCKETS', 'FST_WS_HEADERS_TOO_LARGE', 'FST_WS_INVALID_HEADER', 'FST_WS_INVALID_RESPONSE', 'FST_WS_INVALID_SUBPROTOCOL',
  'FST_WS_INVALID_REFUSAL'
]

/** Options whose default is an action, which the tests of behaviour check. */
const DONE = ['errorHandler', 'preClose']

/** Options of ws that the plugin refuses. */
const REFUSED = ['noServer', 'port', 'host', 'backlog']

const wsDefaults = await readWsDefaults()

void t.test('errors.md lists every error, with its status', async (t) => {
  const table = tableOf('docs/errors.md', 'Codes')
  t.same([...byName(table).keys()].sort(), Object.keys(errors).sort())
  for (const [code, FastifyError] of Object.entries(errors)) {
    const { statusCode } = new (FastifyError as unknown as new (...args: string[]) => { statusCode: number })('', '', '')
    t.equal(byName(table).get(code)![1], ANSWERED.includes(code) ? String(statusCode) : '', code)
  }
})

void t.test('no page names an error that does not exist', async (t) => {
  for (const { path, text } of pages) {
    const unknown = [...text.matchAll(/FST_WS_\w+/g)].map(([code]) => code).filter((code) => !(code in errors))
    t.same(unknown, [], path)
  }
})

void t.test('README.md lists the options of the plugin, with their defaults', async (t) => {
  const table = tableOf('README.md', 'Options')
  t.same([...byName(table).keys()], OPTIONS.plugin)
  checkDefaults(t, table, PLUGIN_DEFAULTS)
})

void t.test('options-and-events.md lists the options of the plugin, with their defaults', async (t) => {
  const table = tableOf('docs/options-and-events.md', 'Plugin options')
  t.same([...byName(table).keys()], OPTIONS.plugin)
  checkDefaults(t, table, PLUGIN_DEFAULTS)
  for (const name of ['receiveWindow', 'shutdown'] as const) {
    t.equal(byName(table).get(name)![1], `\`{ ${OPTIONS[name].join(', ')} }\``)
  }
})

void t.test('options-and-events.md lists the options of ws, with their defaults', async (t) => {
  const table = tableOf('docs/options-and-events.md', 'Options of ws')
  const names = [...byName(table).keys()]
  t.same([...names, ...REFUSED].sort(), [...OPTIONS.ws].sort())
  checkDefaults(t, table, wsDefaults)
  const { text } = pages.find(({ path }) => path === 'docs/options-and-events.md')!
  t.match(text, /`noServer`, `port`, `host` and `backlog` are refused/)
})

void t.test('options-and-events.md lists the options of a route', async (t) => {
  const table = tableOf('docs/options-and-events.md', 'Route options')
  t.same([...byName(table).keys()], OPTIONS.route)
  const own = table.rows.filter((row) => row[columnOf(table, 'Default')] !== 'the plugin\'s').map(([name]) => name)
  t.same(own, ['`protocols`'])
})

void t.test('options-and-events.md lists the options of drain(), with their defaults', async (t) => {
  const table = tableOf('docs/options-and-events.md', 'Server events', 'Option of `drain()`')
  t.same([...byName(table).keys()], OPTIONS.drain)
  checkDefaults(t, table, DRAIN_DEFAULTS)
})

void t.test('client.md lists the options of connect(), with their defaults', async (t) => {
  const table = tableOf('docs/client.md', 'Options')
  t.same([...byName(table).keys()], OPTIONS.connect)
  checkDefaults(t, table, CONNECT_DEFAULTS)
  t.equal(byName(table).get('reconnect')![1], `boolean or \`{ ${OPTIONS.reconnect.join(', ')} }\``)
})

void t.test('client.md lists the options of reconnect, with their defaults, and those that it changes', async (t) => {
  const table = tableOf('docs/client.md', 'Reconnect')
  t.same([...byName(table).keys()], OPTIONS.reconnect)
  checkDefaults(t, table, RECONNECT_DEFAULTS)
  const { text } = pages.find(({ path }) => path === 'docs/client.md')!
  for (const name of ['handshakeTimeout', 'heartbeat']) {
    t.match(text, new RegExp(`\`${name}\`\\s+is\\s+${String(RECONNECT_DEFAULTS[name])}\\b`))
  }
})

void t.test('client.md lists the events of a socket that reconnects', async (t) => {
  const [, members] = read('types/reconnect.ts').match(/interface ReconnectingWebSocketEvents \{([^]*?)\n\}/)!
  const names = [...members!.matchAll(/^ {2}(\w+): \[/gm)].map(([, name]) => name)
  const { rows } = tableOf('docs/client.md', 'Events of a socket that reconnects')
  t.same(rows.flatMap(([cell]) => [...cell!.matchAll(/'(\w+)'/g)].map(([, name]) => name)).sort(), names.sort())
})

void t.test('gateway.md lists the options of serveExtendedConnect(), with their defaults', async (t) => {
  const table = tableOf('docs/gateway.md', 'Without the plugin')
  t.same([...byName(table).keys()], OPTIONS.gateway)
  checkDefaults(t, table, GATEWAY_DEFAULTS)
  t.equal(byName(table).get('receiveWindow')![1], `\`{ ${OPTIONS.receiveWindow.join(', ')} }\``)
})

/** Tables of some options. Each name is that of an option, because it has a default. */
const SOME_OPTIONS = [
  ['docs/deployment.md', 'Limits to set'], ['docs/limits.md', 'All limits'],
  ['docs/operations.md', 'Options for operation']
] as const

for (const [page, section] of SOME_OPTIONS) {
  void t.test(`${page} has the defaults of the limits that it names`, async (t) => {
    const table = tableOf(page, section)
    t.ok(table.rows.length > 0)
    checkDefaults(t, table, {
      ...PLUGIN_DEFAULTS,
      ...prefixed('options', wsDefaults),
      ...prefixed('shutdown', NESTED_DEFAULTS),
      ...prefixed('receiveWindow', NESTED_DEFAULTS),
      'https.settings.maxHeaderListSize': maxHeaderSize,
      'https.maxSessionMemory': computeSessionMemory({
        maxConcurrentStreams: PLUGIN_OPTIONS.maxConcurrentStreams.default,
        maxHeaderListSize: maxHeaderSize,
        sessionBudget: RECEIVE_WINDOW_OPTIONS.sessionBudget.default
      })
    })
  })
}

void t.test('SECURITY.md has the defaults of the options that limit something', async (t) => {
  const table = tableOf('SECURITY.md', 'Limits')
  const defaults = {
    ...PLUGIN_DEFAULTS,
    ...prefixed('options', wsDefaults),
    ...prefixed('receiveWindow', NESTED_DEFAULTS)
  }
  t.ok(table.rows.length > 0)
  checkDefaults(t, table, defaults)
})

void t.test('deployment.md has every client and proxy that npm run interop drives', async (t) => {
  const clients = await list('clients.js', 'CLIENTS')
  const proxies = await list('proxies/index.js', 'PROXIES')
  t.same(new Set(byName(tableOf('docs/deployment.md', 'Clients')).keys()), new Set(clients))
  t.same(new Set(byName(tableOf('docs/deployment.md', 'Proxies')).keys()), new Set(proxies))

  async function list (file: string, name: string): Promise<string[]> {
    const exported: unknown = await import(new URL(`../interop/${file}`, import.meta.url).href)
    return (exported as Record<string, Array<{ name: string }>>)[name]!.map(({ name }) => name.replace(/, Node \d+$/, ''))
  }
})

void t.test('deployment.md has the idle timeouts of the configurations, which are longer than heartbeat', async (t) => {
  const url = new URL('../interop/proxies/index.js', import.meta.url)
  const { PROXIES } = await import(url.href) as { PROXIES: Array<{ name: string, example: string }> }
  const rows = byName(tableOf('docs/deployment.md', 'Timeouts'))
  t.same(new Set(rows.keys()), new Set(PROXIES.map(({ name }) => name)))
  for (const { name, example } of PROXIES) {
    const codes = rows.get(name)!.map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!))
    const [, directives, , value] = codes
    const configured = [...read(`examples/proxies/${example}`).matchAll(/^\s*([\w-]+(?: tunnel)?)[=: ]+(\d+)([ms]?)$/gm)]
      .filter(([, directive]) => directives!.includes(directive!))
    t.ok(configured.length > 0, `${name} has an idle timeout`)
    for (const [, directive, count, unit] of configured) {
      t.equal(`${count}${unit}`, value![0], `${name}: ${directive}`)
      t.ok(Number(count) * (unit === 'm' ? 60_000 : 1000) > PLUGIN_OPTIONS.heartbeat.default, `${name}: ${directive}`)
    }
  }
})

void t.test('http1-and-http2.md lists the vulnerabilities of Node.js that the warning is about', async (t) => {
  const concerned = { http2: 'HTTP/2 servers', tls: 'TLS servers', client: 'HTTP/2 clients' }
  t.same(tableOf('docs/http1-and-http2.md', 'Vulnerabilities').rows, VULNERABILITIES.map((vulnerability) => {
    const { id, impact, concerns, fixed, unfixed } = vulnerability
    return [id, impact, concerned[concerns], fixed.join(', '), unfixed.join(', ')]
  }))
})

void t.test('probe.md lists the options and exit codes of the command', async (t) => {
  t.same(tableOf('docs/probe.md', 'Options').rows, Object.entries(PROBE_OPTIONS).map(([name, { value, purpose }]) => {
    return ['`--' + name + (value === undefined ? '' : ` ${value}`) + '`', purpose]
  }))
  t.same(tableOf('docs/probe.md', 'Exit codes').rows, Object.values(EXIT_CODES).map(({ code, meaning }) => {
    return [String(code), meaning]
  }))
})

void t.test('options-and-events.md lists every event', async (t) => {
  const emitted = { socket: new Set<string>(), server: new Set<string>() }
  const app: FastifyInstance = fastify()
  await app.register(websocket, { errorHandler: () => {} })
  record(app.websocketServer, emitted.server)
  app.websocketServer.on('wsClientError', (_error, connection) => connection.destroy())
  app.get('/', { websocket: true }, (socket) => {
    record(socket, emitted.socket)
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

  t.same([...byName(tableOf('docs/options-and-events.md', 'Socket events')).keys()].sort(), [...emitted.socket].sort())
  t.same([...byName(tableOf('docs/options-and-events.md', 'Server events')).keys()].sort(), [...emitted.server].sort())
})

/** The first table of a section, or the first one whose first column has a title. */
function tableOf (path: string, section: string, title?: string): Table {
  const table = pages.find((page) => page.path === path)?.tables.find((table) => {
    return table.section === section && (title === undefined || table.header[0] === title)
  })
  if (table === undefined) throw new Error(`${path} has no table in "${section}"`)
  return table
}

/** Checks that the cells of the column "Default" state the values of the code. */
function checkDefaults (t: Test, table: Table, defaults: Record<string, unknown>): void {
  for (const [name, row] of byName(table)) {
    const stated = statedValues(row[columnOf(table, 'Default')]!)
    if (!DONE.includes(name)) t.same(stated, toStated(defaults[name], stated), `${name}: its default`)
  }
}

function columnOf (table: Table, title: string): number {
  const index = table.header.indexOf(title)
  if (index === -1) throw new Error(`the table in "${table.section}" has no column "${title}"`)
  return index
}

function prefixed (prefix: string, values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]))
}

/** Records the events that an emitter emits from now on, except for those that Node's emitters emit themselves. */
function record (emitter: EventEmitter, emitted: Set<string>): void {
  const { emit } = emitter
  emitter.emit = (event, ...parameters) => {
    if (event !== 'newListener') emitted.add(String(event))
    return emit.call(emitter, event, ...parameters)
  }
}
