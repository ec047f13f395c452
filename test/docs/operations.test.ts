import { once } from 'node:events'
import { request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import mqemitter from 'mqemitter'
import t from 'tap'
import type { Test } from 'tap'
import type { RefusalCause, SocketCloseMessage, WebsocketStats } from '../../index.ts'
import { record } from '../helpers/channels.ts'
import { addEcho } from '../helpers/echo.ts'
import { MIB } from '../helpers/sizes.ts'
import { H1, H2C, start } from '../helpers/transports.ts'
import type { Fixture } from '../helpers/transports.ts'
import { closed, waitUntil } from '../helpers/waiting.ts'
import { readInterfaces, readUnion } from './interfaces.ts'
import { findLogLines } from './log-lines.ts'
import { byName, pages, read, toName } from './pages.ts'
import type { Table } from './pages.ts'
import { channels, handshakeChannel } from './subjects.ts'

const PREFIX = 'fastify-websocket-h2'
const NAMES = Object.values(channels).map(({ name }) => String(name))
const TRACING = `tracing:${PREFIX}.handshake:*`
const NUMBERS = ['ms', 'bytes', 'integer']

/** Files that log a message of others. */
const LOG_PASSED_MESSAGES = ['index.ts', 'lib/handshake/http1-warning.ts', 'lib/socket/websocket.ts']

/** Sections with a table of fields, and the channels of "all". */
const SECTIONS: Record<string, RegExp> = {
  Handshakes: /handshake/,
  Sockets: /^fastify-websocket-h2:socket:/,
  'Sessions and shutdown': /^fastify-websocket-h2:(?:session|shutdown):/,
  Relay: /^fastify-websocket-h2:relay:/
}

/** Field of a message, as it is documented. */
interface Field {
  name: string
  /** Alternatives of its type: `'close'`, `WebSocket`, ms, undefined. */
  types: string[]
}

const page = pages.find(({ path }) => path === 'docs/operations.md')!
const interfaces = [...readInterfaces('types/channels.ts').values()]
const statistics = tablesOf('Statistics')[0]!

void t.test('the table of channels lists all channels', async (t) => {
  t.same(namesIn(tablesOf('Channels')[0]!), [...NAMES].sort())
  const { start, end, asyncStart, asyncEnd, error } = handshakeChannel
  t.same(namesIn(tablesOf('Handshakes')[0]!), [start, end, asyncStart, asyncEnd, error].map(({ name }) => name).sort())
  t.match(page.text, '`fastify-websocket-h2.handshake`')
})

void t.test('every field of a message is listed, with the type that types/channels.ts declares', async (t) => {
  for (const name of [...namesIn(tablesOf('Channels')[0]!), TRACING]) {
    const found = interfaces.filter(({ comment }) => comment.includes('Message of') && comment.includes(`\`${name}\``))
    t.equal(found.length, 1, `${name}: the comment of one interface names it`)
    const documented = fieldsOf(name)
    t.same(documented.map((field) => field.name).sort(), [...found[0]!.members.keys()].sort(), name)
    for (const field of documented) checkType(t, name, field, found[0]!.members.get(field.name) ?? [])
  }
})

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: messages have the fields and types that are documented`, async (t) => {
    const recorded = new Map(NAMES.map((name) => [name, recordAll(t, name)]))
    const { start, end, asyncStart, asyncEnd, error } = handshakeChannel
    const traces = [start, end, asyncStart, asyncEnd, error]
    const traced: object[] = []
    const listener = (message: unknown): void => { traced.push(message as object) }
    for (const channel of traces) channel.subscribe(listener)
    t.teardown(() => { for (const channel of traces) channel.unsubscribe(listener) })

    await causeEverything(t, transport)
    for (const [name, messages] of recorded) {
      if (transport === H1 && name.includes(':session:')) continue
      t.ok(messages.length > 0, `${name}: is published`)
      for (const message of messages) checkMessage(t, name, message)
    }
    t.ok(traced.length > 0, 'traces')
    for (const message of traced) checkMessage(t, TRACING, message)
  })
}

void t.test('the table of statistics lists every number, and which ones are totals', async (t) => {
  const fixture = await start(t, H2C, addEcho, { relay: mqemitter() })
  const before = fixture.app.websocketServer.stats()
  const socket = await fixture.open('/echo')
  socket.send('hello')
  await once(socket, 'message')
  const during = fixture.app.websocketServer.stats()
  const ends = record<SocketCloseMessage>(t, 'socket:close')
  socket.close()
  fixture.session!.close()
  await ends.next()
  await waitUntil(() => fixture.app.websocketServer.stats().sessions.open === 0, 'the session is closed')
  const after = fixture.app.websocketServer.stats()

  t.same(listedFor(pathsIn(during)), namesIn(statistics))
  for (const [path, [, unit, kind]] of byName(statistics)) {
    t.match(unit, /^(?:sockets|messages|characters|bytes|topics|subscriptions|errors|handshakes|sessions)$/, `${path}: its unit`)
    const [first, second, last] = [before, during, after].map((stats) => JSON.stringify(valueAt(stats, path)))
    if (kind === 'now') t.equal(last, first, `${path}: is as before when all are closed`)
    else t.equal(kind, 'total', `${path}: its kind`)
    if (kind === 'total' && first !== second) t.not(last, first, `${path}: counts what has ended`)
  }
})

void t.test('every number that the page names is in the statistics', async (t) => {
  const matches = page.text.matchAll(/`((?:sockets|messages|bytes|topics|relay|handshakes|sessions)\.[\w.]+)/g)
  const named = [...matches].map(([, path]) => path!)
  const known = namesIn(statistics)
  t.ok(named.length > known.length)
  for (const path of named) {
    const [, cause] = path.split('handshakes.refused.')
    t.ok(known.includes(cause === undefined ? path : 'handshakes.refused'), path)
    if (cause !== undefined) t.ok(namesIn(tablesOf('Causes of refusals')[0]!).includes(cause), path)
  }
})

void t.test('the table of causes lists all causes, and the statistics count each', async (t) => {
  const { app } = await start(t, H1, () => {})
  const documented = namesIn(tablesOf('Causes of refusals')[0]!)
  t.same(documented, Object.keys(app.websocketServer.stats().handshakes.refused).sort())
  t.same(documented, readUnion('types/channels.ts', 'RefusalCause').map((cause) => cause.slice(1, -1)).sort())
})

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: refusals have the status of the table of causes`, async (t) => {
    const refused = record<{ cause: RefusalCause, status?: number }>(t, 'handshake:refused')
    const fixture = await start(t, transport, addRefusing, {
      maxSockets: 1, maxPendingHandshakes: 1, handshakeTimeout: 200, options: { verifyClient: ({ req }) => req.url !== '/refused' }
    })
    await fixture.refused('/nowhere')
    await fixture.refused('/echo', { headers: { origin: 'https://elsewhere.example' } })
    await fixture.refused('/refused')
    const first = fixture.refused('/never')
    await waitUntil(() => fixture.app.websocketServer.stats().handshakes.pending === 1)
    await fixture.refused('/echo')
    await first
    const socket = await fixture.open('/echo')
    await fixture.refused('/echo')
    socket.terminate()
    if (transport === H1) await sendInvalid(fixture)
    await refused.next(transport === H1 ? 7 : 6)
    const seen = new Set(refused.map(({ cause }) => cause))
    t.ok(seen.size >= 6)
    const rows = byName(tablesOf('Causes of refusals')[0]!)
    for (const { cause, status } of refused) {
      const [, overHttp1, overHttp2] = rows.get(cause)!
      const documented = transport === H1 || overHttp2 === 'the same' ? overHttp1! : overHttp2!
      t.match(documented, String(status), `${cause}: ${status}`)
    }
  })
}

void t.test('the table of log lines has every message that the plugin logs, with its level and fields', async (t) => {
  const rows = tablesOf('Logs')[0]!.rows.map(([levels, message, fields]) => ({
    levels: levels!.split(', '),
    message: message!.startsWith('`') ? toName(message!) : undefined,
    fields: fields === '' ? [] : fields!.split(', ').map(toName)
  }))
  const lines = findLogLines()
  t.ok(lines.length > 20, 'the source has log lines')
  const used = new Set<object>()
  for (const { place, levels, message, fields } of lines) {
    // What passes a message to these is found too.
    if (message === undefined && LOG_PASSED_MESSAGES.some((path) => place.startsWith(path))) continue
    for (const level of levels) {
      const row = rows.find((row) => row.levels.includes(level) && matches(row.message, message))
      t.ok(row, `${place}: ${level} ${message ?? 'an error'}`)
      if (row === undefined) continue
      used.add(row)
      if (fields !== undefined && message !== undefined) t.same(row.fields, fields, `${place}: its fields`)
    }
  }
  // Returned by a function of another file, and logged by index.ts.
  const returned = 'HTTP/2 sessions may refuse or delay sockets: …'
  t.match(read('lib/http2/session-memory.ts'), returned.slice(0, -1))
  t.same(rows.filter((row) => !used.has(row)).map(({ message }) => message), [returned])
})

void t.test('the line of a socket that has closed has the documented fields', async (t) => {
  const { open, logs } = await start(t, H2C, addEcho, {}, {}, 'debug')
  const socket = await open('/echo')
  socket.close(1000, 'done')
  await closed(socket)
  await waitUntil(() => logs.some(({ msg }) => msg === 'websocket closed'))
  for (const message of ['websocket opened', 'websocket closed']) {
    const line = logs.find(({ msg }) => msg === message)!
    const row = tablesOf('Logs')[0]!.rows.find((row) => row[1] === `\`${message}\``)!
    const ofPino = ['level', 'time', 'pid', 'hostname', 'reqId', 'msg']
    t.same(Object.keys(line).filter((name) => !ofPino.includes(name)).sort(), row[2]!.split(', ').map(toName).sort(), message)
  }
})

function recordAll (t: Test, channel: string): object[] {
  return record<object>(t, channel.slice(`${PREFIX}:`.length))
}

/** Opens sockets, and lets every channel of a transport publish. */
async function causeEverything (t: Test, transport: typeof H1): Promise<void> {
  const close = record<object>(t, 'socket:close')
  const pressure = record<object>(t, 'socket:backpressure')
  const resized = record<object>(t, 'session:receive_window')
  const unresponsive = record<object>(t, 'socket:unresponsive')
  const { app, open, refused } = await start(t, transport, (app) => {
    addEcho(app)
    app.get('/quiet', { websocket: { heartbeat: 20 } }, () => {})
    app.get('/flood', { websocket: { sendLimit: 1, slowConsumer: 'close' } }, (socket) => {
      for (let count = 0; count < 2; count++) socket.send(Buffer.alloc(16 * MIB))
      socket.pause()
      socket.resume()
    })
  }, { relay: Object.assign(mqemitter(), { emit: () => { throw new Error('down') } }) })
  app.websocketServer.publish('topic', 'not relayed')
  await refused('/nowhere')
  const flood = await open('/flood')
  flood.on('message', () => {})
  await pressure.next(2)
  await close.next()
  const socket = await open('/echo')
  // A window grows as its stream uses it.
  for (let count = 0; count < 20; count++) {
    if (transport === H1 || resized.length > 0) break
    socket.send(Buffer.alloc(MIB))
    await once(socket, 'message')
  }
  // Last: on a busy machine, the whole session may count as unresponsive.
  const quiet = await open('/quiet', { autoPong: false })
  quiet.on('error', () => {})
  await unresponsive.next()
  await app.close()
}

function addRefusing (app: FastifyInstance): void {
  addEcho(app)
  app.get('/refused', { websocket: true }, () => {})
  app.get('/never', { websocket: true, onRequest: async () => await new Promise(() => {}) }, () => {})
}

/** Sends a handshake with an invalid key. */
async function sendInvalid ({ app }: Fixture): Promise<void> {
  const request = sendRequest({
    port: (app.server.address() as AddressInfo).port,
    path: '/echo',
    headers: { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'invalid' }
  })
  const [response] = await once(request.end(), 'response')
  response.resume()
}

function tablesOf (section: string): Table[] {
  return page.tables.filter((table) => table.section === section)
}

function namesIn (table: Table): string[] {
  return [...byName(table).keys()].sort()
}

/** Returns the documented fields of the messages of a channel. */
function fieldsOf (channel: string): Field[] {
  const [section] = Object.entries(SECTIONS).find(([, pattern]) => pattern.test(channel))!
  const { rows } = tablesOf(section).find(({ header }) => header[0] === 'Field')!
  return rows.flatMap(([name, type, of]) => {
    const names = of!.split(', ').map(toName)
    const isOf = of === 'tracing' ? channel === TRACING : of === 'all' || names.some((each) => channel.endsWith(`:${each}`))
    return isOf ? [{ name: toName(name!), types: type!.split(/, | or /).map(toName) }] : []
  })
}

/** Compares a documented type with the alternatives of a declared one. */
function checkType (t: Test, channel: string, { name, types }: Field, declared: string[]): void {
  const expected = declared.flatMap((alternative) => {
    if (alternative === 'HttpVersion') return ['\'1.1\'', '\'2\'']
    return ['RefusalCause', 'RelayOperation'].includes(alternative) ? ['string'] : [alternative]
  })
  const stated = types.map((type) => NUMBERS.includes(type) ? 'number' : type)
  // The message of a refused handshake always has a cause.
  const isOptional = name === 'cause' && channel.endsWith(':refused')
  t.same(new Set(stated.filter((type) => !isOptional || type !== 'undefined')), new Set(expected), `${channel}: type of ${name}`)
}

function checkMessage (t: Test, channel: string, message: object): void {
  const fields = fieldsOf(channel)
  t.same(Object.keys(message).sort(), fields.map(({ name }) => name).sort(), channel)
  for (const { name, types } of fields) {
    const value: unknown = Reflect.get(message, name)
    t.ok(types.some((type) => isOfType(value, type)), `${channel}: type of ${name}`)
  }
}

function isOfType (value: unknown, type: string): boolean {
  if (type === 'undefined') return value === undefined
  if (type === 'string') return typeof value === 'string'
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'ms') return Number(value) >= 0
  if (NUMBERS.includes(type)) return Number.isInteger(value) && Number(value) >= 0
  return type.startsWith('\'') ? `'${String(value)}'` === type : typeof value === 'object' && value !== null
}

/** Returns the paths of all numbers. */
function pathsIn (value: object, path = ''): string[] {
  return Object.entries(value).flatMap(([name, member]) => {
    const own = path === '' ? name : `${path}.${name}`
    if (typeof member !== 'object') return [own]
    return Object.keys(member).length === 0 ? [own] : pathsIn(member, own)
  })
}

/** Returns, for each path, the documented one that includes it. */
function listedFor (paths: string[]): string[] {
  const known = namesIn(statistics)
  return [...new Set(paths.map((path) => known.find((each) => path === each || path.startsWith(`${each}.`)) ?? path))].sort()
}

function valueAt (stats: WebsocketStats, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => Reflect.get(value as object, name), stats)
}

/** Whether a documented message, with `…` for what varies, is that of a line. Without one it is that of an error. */
function matches (documented: string | undefined, message: string | undefined): boolean {
  if (documented === undefined || message === undefined) return documented === message
  const pattern = documented.split('…').map((text) => text.replace(/[^\w\s]/g, '\\$&')).join('[^]*')
  return new RegExp(`^${pattern}$`).test(message)
}
