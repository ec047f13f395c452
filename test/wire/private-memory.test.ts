import { on, once } from 'node:events'
import { connect as openSession } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from 'ws'
import { connect } from '../../lib/client/index.ts'
import { echo } from '../helpers/echo.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { OFFER_DEFLATE, upgradeRequest } from '../helpers/upgrade-request.ts'
import { waitTurns, waitUntil } from '../helpers/waiting.ts'
import {
  BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT, ZERO_MASKING_KEY, cut, deflate, wsFrame
} from '../helpers/ws-frames.ts'
import type { WsFrame } from '../helpers/ws-frames.ts'

const SECRET = Buffer.from('nobody else may read this')

/** Repetitions of each case: whether memory is shared depends on what arrived before. */
const ROUNDS = 5

/** Returns a frame with a masking key of zeros. Its payload is found in memory, masked or not. */
function plainFrame (opcode: number, payload: Buffer | string = '', shape: Partial<WsFrame> = {}): Buffer {
  return wsFrame(opcode, payload, { ...shape, maskingKey: ZERO_MASKING_KEY })
}

function compressed (text: string): Buffer {
  return plainFrame(TEXT, deflate(text), { rsv: RSV1 })
}

/** The bytes of a client, in the pieces in which it sends them, and the number of messages, pings and pongs. */
const KINDS: Array<[name: string, pieces: Buffer[], count: number]> = [
  ['a short text', [plainFrame(TEXT, 'x'.repeat(20))], 1],
  ['short messages', Array.from({ length: 5 }, () => plainFrame(BINARY, 'x'.repeat(200))), 5],
  ['a message of 5000 bytes', [plainFrame(BINARY, 'x'.repeat(5000))], 1],
  ['a message in fragments', [plainFrame(TEXT, 'x', { fin: false }), plainFrame(CONTINUATION, 'x'.repeat(100))], 1],
  ['a message in one fragment and an empty one', [plainFrame(BINARY, 'x'.repeat(999), { fin: false }), plainFrame(CONTINUATION)], 1],
  ['a frame in parts', cut(plainFrame(TEXT, 'x'.repeat(300)), [1, 2, 97]), 1],
  ['several messages in one piece', [Buffer.concat(Array.from({ length: 9 }, () => plainFrame(BINARY, 'x'.repeat(150))))], 9],
  ['a long message', cut(plainFrame(BINARY, 'x'.repeat(40_000)), [16_000, 16_000]), 1],
  ['control frames', [plainFrame(PING, 'x'.repeat(50)), plainFrame(PONG, 'x'.repeat(120))], 2]
]

type Take = (data: Buffer) => void

/** Ways in which a handler may receive messages. */
const CONSUMERS: Record<string, (socket: WebSocket, take: Take) => unknown> = {
  'a listener': (socket, take) => socket.on('message', take),
  'a late listener': (socket, take) => setImmediate(() => setImmediate(() => socket.on('message', take))),
  'a listener that pauses': (socket, take) => {
    socket.on('message', (data: Buffer) => {
      take(data)
      socket.pause()
      setImmediate(() => socket.resume())
    })
  },
  'for await': async (socket, take) => {
    for await (const message of socket as unknown as AsyncIterable<Buffer | string>) {
      take(typeof message === 'string' ? Buffer.alloc(0) : message)
      await waitTurns()
    }
  },
  'events.on()': async (socket, take) => {
    for await (const [data] of on(socket, 'message', { close: ['close'] })) take(data)
  },
  'createWebSocketStream()': (socket, take) => createWebSocketStream(socket).on('data', take).on('error', () => {})
}

interface Started {
  server: TestServer
  taken: Buffer[]
}

async function start (t: Test, consumer: string, fastifyOptions: object = {}): Promise<Started> {
  const taken: Buffer[] = []
  const server = await startServer(t, (app: FastifyInstance) => {
    app.get('/other', { websocket: true }, echo)
    app.get('/own', { websocket: true }, (socket) => {
      for (const event of ['ping', 'pong']) socket.on(event, (data) => taken.push(data))
      socket.on('close', (_code, reason) => taken.push(reason))
      void CONSUMERS[consumer]!(socket, (data) => taken.push(data))
    })
  }, { plugin: { options: { perMessageDeflate: true } }, server: fastifyOptions })
  return { server, taken }
}

function holdsSecret ({ buffer }: Buffer): boolean {
  return Buffer.from(buffer as ArrayBuffer).includes(SECRET)
}

const secrets = [20, 300, 3000].map((size) => plainFrame(TEXT, Buffer.alloc(size, SECRET)))

for (const consumer of Object.keys(CONSUMERS)) {
  await t.test(`HTTP/2: data that ${consumer} receives shares no memory with another socket of the session`, async (t) => {
    const { server, taken } = await start(t, consumer)
    for (const [name, pieces, count] of KINDS) {
      taken.length = 0
      const client = await server.client()
      client.connect(1, '/own')
      client.connect(3, '/other')
      await Promise.all([client.response(1), client.response(3)])
      for (let round = 1; round <= ROUNDS; round++) {
        client.batch(() => {
          for (const secret of secrets) client.data(3, secret)
          for (const piece of pieces) client.data(1, piece)
          for (const secret of secrets) client.data(3, secret)
        })
        await waitUntil(() => taken.length >= round * count)
      }
      client.batch(() => {
        client.data(3, secrets[0]!)
        client.data(1, plainFrame(CLOSE, Buffer.from('\x03\xe8why not', 'latin1')), true)
        client.data(3, secrets[0]!)
      })
      await waitUntil(() => taken.length > ROUNDS * count)
      t.same(taken.filter(holdsSecret).map(({ length }) => length), [], name)
      client.destroy()
    }
  })
}

async function openTcp (port: number, path: string, fields: string[] = []): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true })
  socket.write(upgradeRequest(path, fields))
  await once(socket, 'data')
  return socket.resume()
}

for (const [name, pieces, count, fields] of [
  ...KINDS.map((kind) => [...kind, []] as const),
  ['a compressed message', [compressed('x'.repeat(300))], 1, [OFFER_DEFLATE]]
] as const) {
  await t.test(`HTTP/1.1: ${name} shares no memory with another socket`, async (t) => {
    const { server, taken } = await start(t, 'a listener', { http2: false })
    const other = await openTcp(server.port, '/other')
    const own = await openTcp(server.port, '/own', [...fields])
    for (let round = 1; round <= ROUNDS; round++) {
      for (const piece of pieces) {
        for (const secret of secrets) other.write(secret)
        await once(other, 'data')
        own.write(piece)
      }
      await waitUntil(() => taken.length >= round * count)
    }
    t.same(taken.filter(holdsSecret).map(({ length }) => length), [])
    for (const socket of [own, other]) socket.destroy()
  })
}

await t.test('connect(): data that a client receives shares no memory with another socket of its session', async (t) => {
  const sockets = new Map<string, WebSocket>()
  const server = await startServer(t, (app) => {
    app.get('/:who', { websocket: true }, (socket, request) => { sockets.set(request.url, socket) })
  })
  const session = openSession(`http://127.0.0.1:${server.port}`)
  t.teardown(() => session.destroy())
  const [own, other] = [connect(session, { path: '/own' }), connect(session, { path: '/other' })]
  await Promise.all([once(own, 'open'), once(other, 'open')])
  const taken: Buffer[] = []
  for (const event of ['message', 'ping']) own.on(event, (data) => taken.push(data))

  for (let round = 1; round <= ROUNDS; round++) {
    for (const size of [20, 300, 3000]) {
      for (const secret of [SECRET, Buffer.alloc(size, SECRET)]) sockets.get('/other')!.send(secret)
      sockets.get('/own')!.send('x'.repeat(size))
      sockets.get('/own')!.ping('x')
      sockets.get('/other')!.send(Buffer.alloc(size, SECRET))
    }
    await waitUntil(() => taken.length >= round * 6)
  }
  t.same(taken.filter(holdsSecret).map(({ length }) => length), [])
})
