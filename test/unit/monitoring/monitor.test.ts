import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type {
  HandshakeRefusedMessage, ReceiveWindowMessage, RefusalCause, SessionCloseMessage, SessionOpenMessage,
  SocketCloseMessage, SocketOpenMessage, UnresponsiveMessage
} from '../../../index.ts'
import type { RefusedHandshake, Upgrade } from '../../../lib/handshake/upgrade.ts'
import type { Session } from '../../../lib/http2/session.ts'
import { Monitor } from '../../../lib/monitoring/monitor.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import type { SocketRecord } from '../../../lib/socket/socket-record.ts'
import { brief, record } from '../../helpers/channels.ts'
import { createLog } from '../../helpers/pending-upgrade.ts'

const FASTIFY = {} as FastifyInstance
const SOURCES = {
  admission: { pending: 0, compression: { sockets: 0, bytes: 0, declined: 0 } },
  others: { received: 0 },
  sessions: { open: [] },
  topics: { stats: () => ({ open: 0, subscriptions: 0, published: 0, delivered: 0 }) }
}

interface Line { level: string, message: string, fields: object }

/** Returns a logger, and its lines at every level. */
function createRecordingLog (): { log: object, lines: Line[] } {
  const lines: Line[] = []
  const write = (level: string) => (...parameters: unknown[]) => {
    const fields = parameters.length > 1 ? parameters[0] as object : {}
    lines.push({ level, message: String(parameters.at(-1)), fields })
  }
  return { log: { debug: write('debug'), info: write('info') }, lines }
}

function openSocket (monitor: Monitor, log: object = createRecordingLog().log, raw: object = {}): SocketRecord {
  const request = { raw, log, routeOptions: { url: '/a' } } as unknown as FastifyRequest
  const upgrade = { httpVersion: '2' } as Upgrade
  const socket = { protocol: 'chat', extensions: '', bufferedAmount: 0, isPaused: false } as unknown as PluginSocket
  const created = monitor.createRecord(socket, request, upgrade)
  monitor.socketOpened(created, upgrade)
  return created
}

function refuse (monitor: Monitor, cause: RefusalCause, isLogged: boolean): Line[] {
  const { log, lines } = createRecordingLog()
  const refused = { rawRequest: { url: '/a?b' }, httpVersion: '1.1', upgrade: undefined, request: undefined, log }
  monitor.handshakeRefused({ ...refused, status: 403, cause, isLogged } as unknown as RefusedHandshake)
  return lines
}

function recordSession (t: Test, monitor: Monitor): { session: Session, closes: SessionCloseMessage[] } {
  const closes = record<SessionCloseMessage>(t, 'session:close')
  const session = { session: {}, openedAt: performance.now() } as unknown as Session
  monitor.sessionOpened(session)
  return { session, closes }
}

void t.test('handshakeRefused: a refusal is counted, published, and logged at info unless it is logged already', async (t) => {
  const monitor = new Monitor(FASTIFY)
  const messages = record<HandshakeRefusedMessage>(t, 'handshake:refused')
  t.same(refuse(monitor, 'reply', false), [{
    level: 'info',
    message: 'websocket handshake refused',
    fields: { url: '/a?b', httpVersion: '1.1', status: 403, cause: 'reply' }
  }])
  t.same(refuse(monitor, 'origin', true), [])
  t.match(refuse(monitor, 'aborted', false), [{ level: 'debug' }])
  t.match(brief(messages), ['reply', 'origin', 'aborted'].map((cause) => ({ httpVersion: '1.1', status: 403, cause })))
  t.match(monitor.stats(SOURCES).handshakes.refused, { reply: 1, origin: 1, aborted: 1, timeout: 0 })
})

void t.test('socketOpened: a socket is published and logged at debug; when it has closed, it is forgotten', async (t) => {
  const monitor = new Monitor(FASTIFY)
  const [opens, closes] = [record<SocketOpenMessage>(t, 'socket:open'), record<SocketCloseMessage>(t, 'socket:close')]
  const { log, lines } = createRecordingLog()
  const socketRecord = openSocket(monitor, log)
  t.equal(opens[0]!.socket, socketRecord.socket)
  t.match(monitor.stats(SOURCES).sockets, { open: 1, opened: 1, byRoute: { '/a': { 2: 1 } } })
  socketRecord.received(4)
  socketRecord.closed(1001, 'restarting')
  t.match(brief(closes), [{ code: 1001, reason: 'restarting', bytesReceived: 4 }])
  t.match(monitor.stats(SOURCES), { sockets: { open: 0, opened: 1, closed: { 1001: 1 } }, bytes: { received: 4 } })
  t.match(lines, [
    { level: 'debug', message: 'websocket opened', fields: { route: '/a', httpVersion: '2', protocol: 'chat', extensions: '' } },
    { level: 'debug', message: 'websocket closed', fields: { route: '/a', code: 1001, reason: 'restarting', bytesReceived: 4 } }
  ])
  for (const { fields } of lines) t.notOk('socket' in fields || 'request' in fields, 'no line has an object of the socket')
})

void t.test('socketUnresponsive: it is counted, published, and logged at info', async (t) => {
  const monitor = new Monitor(FASTIFY)
  const messages = record<UnresponsiveMessage>(t, 'socket:unresponsive')
  const { log, lines } = createRecordingLog()
  monitor.socketUnresponsive(openSocket(monitor, log))
  t.equal(messages.length, 1)
  t.equal(monitor.stats(SOURCES).sockets.unresponsive, 1)
  t.match(lines.at(-1), {
    level: 'info',
    message: 'websocket client is unresponsive: socket terminated',
    fields: { route: '/a', httpVersion: '2' }
  })
})

void t.test('sessionOpened, sessionClosed: a session is published with the number of sockets that it has carried', async (t) => {
  const monitor = new Monitor(FASTIFY)
  const opens = record<SessionOpenMessage>(t, 'session:open')
  const { session, closes } = recordSession(t, monitor)
  t.equal(opens[0]!.session, session.session)
  t.equal(opens[0]!.fastify, FASTIFY)
  const other = {}
  for (const each of [session.session, session.session, other]) {
    openSocket(monitor, createRecordingLog().log, { stream: { session: each } })
  }
  monitor.sessionClosed(session)
  t.match(brief(closes), [{ sockets: 2, duration: Number }])
  t.equal(monitor.stats(SOURCES).sessions.opened, 1)
})

void t.test('sessionClosed: a session without sockets has carried 0', async (t) => {
  const monitor = new Monitor(FASTIFY)
  const { session, closes } = recordSession(t, monitor)
  monitor.sessionClosed(session)
  t.match(brief(closes), [{ sockets: 0 }])
})

void t.test('receiveWindowChanged: both sizes are published', async (t) => {
  const messages = record<ReceiveWindowMessage>(t, 'session:receive_window')
  const session = { session: {} } as unknown as Session
  new Monitor(FASTIFY).receiveWindowChanged(session, 131_070, 65_535)
  t.same(brief(messages), [{ size: 131_070, previous: 65_535 }])
})

void t.test('without subscribers, everything is counted and logged', async (t) => {
  const monitor = new Monitor(FASTIFY)
  const { log, lines } = createRecordingLog()
  const socketRecord = openSocket(monitor, log)
  monitor.socketUnresponsive(socketRecord)
  socketRecord.closed(1006)
  monitor.sessionClosed({ session: {}, openedAt: 0 } as unknown as Session)
  t.equal(refuse(monitor, 'no_route', false).length, 1)
  t.same(lines.map(({ level }) => level), ['debug', 'info', 'debug'])
  t.match(monitor.stats(SOURCES).sockets, { opened: 1, closed: { 1006: 1 }, unresponsive: 1 })
})

void t.test('a real logger has the lines at info', async (t) => {
  const { log, logs } = createLog()
  openSocket(new Monitor(FASTIFY), log).closed(1000)
  t.same(logs, [], 'sockets are logged at debug')
})
