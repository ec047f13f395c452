import t from 'tap'
import type { Session } from '../../../lib/http2/session.ts'
import { Totals } from '../../../lib/monitoring/totals.ts'
import type { Sources } from '../../../lib/monitoring/totals.ts'
import type { RelayStats, SocketCloseMessage } from '../../../index.ts'
import type { SocketRecord } from '../../../lib/socket/socket-record.ts'

const NO_TRAFFIC = { messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0 }
const TOPICS = { open: 1, subscriptions: 2, published: 3, delivered: 4 }

function sourcesOf (sessions: object[] = [], pending = 0, received = 0): Sources {
  const compression = { sockets: 4, bytes: 5000, declined: 6 }
  return {
    admission: { pending, compression },
    others: { received },
    sessions: { open: sessions as Session[] },
    topics: { stats: () => TOPICS }
  }
}

function openSocket (route: string, httpVersion: string, socket: object = {}): SocketRecord {
  const record = { route, httpVersion, socket: { bufferedAmount: 0, isPaused: false, ...socket }, ...NO_TRAFFIC }
  return record as unknown as SocketRecord
}

function closeWith (code: number, traffic: object = {}): SocketCloseMessage {
  return { code, ...NO_TRAFFIC, ...traffic } as SocketCloseMessage
}

void t.test('at first everything is 0, and every cause is present', async (t) => {
  const stats = new Totals().summarize(new Set(), sourcesOf())
  const { sockets, compression, messages, bytes, topics, handshakes, sessions } = stats
  t.same(sockets, {
    open: 0,
    opened: 0,
    byHttpVersion: { 1.1: 0, 2: 0 },
    byRoute: {},
    paused: 0,
    bufferedBytes: 0,
    closed: {},
    unresponsive: 0,
    slowConsumers: { closed: 0, dropped: 0 }
  })
  t.same(compression, { sockets: 4, reservedBytes: 5000, declined: 6 })
  t.equal(topics, TOPICS)
  t.same([messages, bytes], [{ received: 0, sent: 0 }, { received: 0, sent: 0 }])
  t.same(new Set(Object.values(handshakes.refused)), new Set([0]))
  t.equal(Object.keys(handshakes.refused).length, 10)
  t.same(sessions, { open: 0, opened: 0, largestReceiveWindow: 0, unreadBytes: 0 })
})

void t.test('the numbers of the relay are absent without one', async (t) => {
  const relay = { stats: () => ({ published: 3 }) as RelayStats }
  t.notOk('relay' in new Totals().summarize(new Set(), sourcesOf()))
  t.same(new Totals().summarize(new Set(), { ...sourcesOf(), relay }).relay, { published: 3 })
})

void t.test('open sockets are counted by HTTP version and route, with what they buffer', async (t) => {
  const records = new Set([
    openSocket('/a', '1.1', { bufferedAmount: 10 }), openSocket('/a', '2', { isPaused: true }),
    openSocket('/b/:id', '2', { bufferedAmount: 5 }), openSocket('__proto__', '2')
  ])
  const { sockets } = new Totals().summarize(records, sourcesOf())
  t.match(sockets, { open: 4, byHttpVersion: { 1.1: 1, 2: 3 }, paused: 1, bufferedBytes: 15 })
  t.same(Object.entries(sockets.byRoute), [
    ['/a', { 1.1: 1, 2: 1 }], ['/b/:id', { 1.1: 0, 2: 1 }], ['__proto__', { 1.1: 0, 2: 1 }]
  ])
})

void t.test('traffic is that of open and closed sockets', async (t) => {
  const totals = new Totals()
  for (const code of [1000, 1006, 1006]) totals.socketClosed(closeWith(code, { messagesReceived: 1, bytesSent: 10 }))
  const open = Object.assign(openSocket('/', '2'), { messagesReceived: 2, messagesSent: 3, bytesReceived: 4, bytesSent: 5 })
  for (let call = 0; call < 2; call++) {
    t.match(totals.summarize(new Set([open]), sourcesOf()), {
      sockets: { closed: { 1000: 1, 1006: 2 } },
      messages: { received: 5, sent: 3 },
      bytes: { received: 4, sent: 35 }
    }, 'a call changes nothing')
  }
})

void t.test('refusals, slow consumers and unresponsive clients are counted', async (t) => {
  const totals = new Totals()
  totals.refused('origin')
  totals.refused('origin')
  totals.slowConsumer('close')
  totals.slowConsumer('drop')
  totals.unresponsive++
  totals.socketOpened()
  const { sockets, handshakes } = totals.summarize(new Set(), sourcesOf([], 7, 8))
  t.match(handshakes, { pending: 7, leftToOthers: 8, refused: { origin: 2, reply: 0 } })
  t.match(sockets, { opened: 1, unresponsive: 1, slowConsumers: { closed: 1, dropped: 1 } })
})

void t.test('sessions are counted, with the largest window and the sum of their unread bytes', async (t) => {
  const sessions = [[65_535, 10], [131_070, 20]].map(([size, unread]) => {
    return { tuner: { size }, budget: { countUnread: () => unread } }
  })
  const totals = new Totals()
  totals.sessions = 3
  const { sessions: summary } = totals.summarize(new Set(), sourcesOf(sessions))
  t.same(summary, { open: 2, opened: 3, largestReceiveWindow: 131_070, unreadBytes: 30 })
})

void t.test('a change of the result changes no total', async (t) => {
  const totals = new Totals()
  const first = totals.summarize(new Set(), sourcesOf())
  first.handshakes.refused.origin = 9
  first.sockets.slowConsumers.closed = 9
  first.sockets.closed[1000] = 9
  t.match(totals.summarize(new Set(), sourcesOf()), {
    handshakes: { refused: { origin: 0 } }, sockets: { closed: {}, slowConsumers: { closed: 0 } }
  })
})
