import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { BackpressureMessage, SlowConsumerMessage, SocketCloseMessage, WebSocket } from '../../../index.ts'
import { SocketRecord } from '../../../lib/socket/socket-record.ts'
import { brief, record } from '../../helpers/channels.ts'

interface Recorded {
  record: SocketRecord
  socket: object
  closed: SocketCloseMessage[]
  slow: string[]
  unresponsive: SocketRecord[]
}

function create (): Recorded {
  const socket = {}
  const request = { routeOptions: { url: '/rooms/:room' } }
  const [closed, slow, unresponsive] = [[] as SocketCloseMessage[], [] as string[], [] as SocketRecord[]]
  const created = new SocketRecord(socket as WebSocket, request as FastifyRequest, '2', {
    socketClosed: (_record, message) => closed.push(message),
    socketUnresponsive: (record) => unresponsive.push(record),
    slowConsumer: (action) => slow.push(action)
  })
  return { record: created, socket, closed, slow, unresponsive }
}

function directionsOf (messages: BackpressureMessage[]): string[] {
  return messages.map(({ direction, active }) => `${direction} ${active ? 'begins' : 'ends'}`)
}

void t.test('unresponsive: the observer receives the record', async (t) => {
  const { record, unresponsive } = create()
  record.unresponsive()
  t.same(unresponsive.length, 1)
  t.equal(unresponsive[0], record)
})

void t.test('closed: the message has the identity of the socket, its traffic, and the side that closed first', async (t) => {
  const { record, socket, closed } = create()
  record.received(3)
  record.received(0)
  record.sent(5, true)
  record.closing('client')
  record.closing('server')
  record.closed(1000, Buffer.from('bye'))
  t.match(closed, [{
    socket,
    request: record.request,
    route: '/rooms/:room',
    httpVersion: '2',
    code: 1000,
    reason: 'bye',
    duration: Number,
    closedBy: 'client',
    messagesReceived: 2,
    bytesReceived: 3,
    messagesSent: 1,
    bytesSent: 5
  }])
})

void t.test('closed: without a code, as when a user emits \'close\', it is 1006, without a reason', async (t) => {
  const { record, closed } = create()
  record.closed()
  t.match(closed, [{ code: 1006, reason: '', closedBy: undefined }])
})

void t.test('sent: a fragment counts its bytes, and only the last one counts a message', async (t) => {
  const { record } = create()
  record.sent(2, false)
  record.sent(3, false)
  t.match(record, { messagesSent: 0, bytesSent: 5 })
  record.sent(1, true)
  t.match(record, { messagesSent: 1, bytesSent: 6 })
})

void t.test('blocked, drained: backpressure is published once when it begins, and once when it ends', async (t) => {
  const messages = record<BackpressureMessage>(t, 'socket:backpressure')
  const { record: socketRecord } = create()
  socketRecord.drained()
  t.same(messages, [])
  socketRecord.blocked()
  socketRecord.blocked()
  socketRecord.drained()
  socketRecord.drained()
  t.same(directionsOf(messages), ['send begins', 'send ends'])
  t.match(brief(messages), [{ route: '/rooms/:room', httpVersion: '2' }])
})

void t.test('paused: each change is published once', async (t) => {
  const messages = record<BackpressureMessage>(t, 'socket:backpressure')
  const { record: socketRecord } = create()
  for (const isPaused of [false, true, true, false, false]) socketRecord.paused(isPaused)
  t.same(directionsOf(messages), ['receive begins', 'receive ends'])
})

void t.test('closed: backpressure that has begun ends before the socket', async (t) => {
  const messages = record<BackpressureMessage>(t, 'socket:backpressure')
  const { record: socketRecord } = create()
  socketRecord.blocked()
  socketRecord.paused(true)
  socketRecord.closed(1006)
  t.same(directionsOf(messages), ['send begins', 'receive begins', 'send ends', 'receive ends'])
})

void t.test('refusedMessage: a decision against a message is published and reported', async (t) => {
  const messages = record<SlowConsumerMessage>(t, 'socket:slow_consumer')
  const { record: socketRecord, slow } = create()
  socketRecord.refusedMessage('drop', 70_000)
  t.match(brief(messages), [{ action: 'drop', bufferedAmount: 70_000, route: '/rooms/:room' }])
  t.same(slow, ['drop'])
})
