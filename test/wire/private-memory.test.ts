import { on, once } from 'node:events'
import { connect as openSession } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { constants, deflateRawSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from 'ws'
import { connect } from '../../lib/client/index.ts'
import { PATIENCE } from '../helpers/h2-frames.ts'
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, wsFrame } from '../helpers/ws-frames.ts'
import type { WsFrame } from '../helpers/ws-frames.ts'
import { echo, serve } from './server.ts'
import type { Wire } from './server.ts'

const HEAD_END = '\r\n\r\n'
const RSV1 = 4
const SYNC_TAIL = 4

const SECRET = Buffer.from('nobody else may read this')

/** How often a case is played: whether memory is shared depends on what came before. */
const ROUNDS = 5

/** A frame with a mask of zeros, so that what it contains is found in memory, whoever has unmasked it. */
function plain (opcode: number, payload: Buffer | string = '', shape: Partial<WsFrame> = {}): Buffer {
  const frame = wsFrame(opcode, payload, { ...shape, masked: false })
  const size = frame.length - Buffer.byteLength(payload)
  frame[1]! |= 0x80
  return Buffer.concat([frame.subarray(0, size), Buffer.alloc(4), frame.subarray(size)])
}

function cut (frame: Buffer, ...sizes: number[]): Buffer[] {
  const ends = [...sizes, frame.length]
  return ends.map((end, index) => frame.subarray(ends[index - 1] ?? 0, end))
}

function deflated (text: string): Buffer {
  const bytes = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
  return plain(TEXT, bytes.subarray(0, -SYNC_TAIL), { rsv: RSV1 })
}

/** What a client sends, in the pieces that it is sent in, and how many messages, pings and pongs that is. */
const KINDS: Array<[name: string, pieces: Buffer[], count: number]> = [
  ['a short text', [plain(TEXT, 'x'.repeat(20))], 1],
  ['short messages', Array.from({ length: 5 }, () => plain(BINARY, 'x'.repeat(200))), 5],
  ['a message of 5000 bytes', [plain(BINARY, 'x'.repeat(5000))], 1],
  ['a message in fragments', [plain(TEXT, 'x', { fin: false }), plain(CONTINUATION, 'x'.repeat(100))], 1],
  ['a message in one fragment and nothing', [plain(BINARY, 'x'.repeat(999), { fin: false }), plain(CONTINUATION)], 1],
  ['a frame in parts', cut(plain(TEXT, 'x'.repeat(300)), 1, 3, 100), 1],
  ['messages in one piece', [Buffer.concat(Array.from({ length: 9 }, () => plain(BINARY, 'x'.repeat(150))))], 9],
  ['a long message', cut(plain(BINARY, 'x'.repeat(40_000)), 16_000, 32_000), 1],
  ['control frames', [plain(PING, 'x'.repeat(50)), plain(PONG, 'x'.repeat(120))], 2]
]

type Take = (data: Buffer) => void

const WAYS: Record<string, (socket: WebSocket, take: Take) => unknown> = {
  'a listener': (socket, take) => socket.on('message', take),
  'a listener that comes late': (socket, take) => setImmediate(() => setImmediate(() => socket.on('message', take))),
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
      await turn()
    }
  },
  'events.on()': async (socket, take) => {
    for await (const [data] of on(socket, 'message', { close: ['close'] })) take(data)
  },
  'createWebSocketStream()': (socket, take) => createWebSocketStream(socket).on('data', take).on('error', () => {})
}

interface Place {
  wire: Wire
  taken: Buffer[]
}

async function start (t: Parameters<typeof serve>[0], way: string, server: object = {}): Promise<Place> {
  const taken: Buffer[] = []
  const wire = await serve(t, (app: FastifyInstance) => {
    app.get('/other', { websocket: true }, echo)
    app.get('/own', { websocket: true }, (socket) => {
      for (const event of ['ping', 'pong']) socket.on(event, (data) => taken.push(data))
      socket.on('close', (_code, reason) => taken.push(reason))
      void WAYS[way]!(socket, (data) => taken.push(data))
    })
  }, { plugin: { options: { perMessageDeflate: true } }, server })
  return { wire, taken }
}

async function until (isSo: () => boolean): Promise<void> {
  for (const start = performance.now(); !isSo();) {
    if (performance.now() - start > PATIENCE) throw new Error('nothing came')
    await turn()
  }
}

function holdsSecret ({ buffer }: Buffer): boolean {
  return Buffer.from(buffer as ArrayBuffer).includes(SECRET)
}

const secrets = [20, 300, 3000].map((size) => plain(TEXT, Buffer.alloc(size, SECRET)))

for (const way of Object.keys(WAYS)) {
  await t.test(`HTTP/2: what ${way} gets shares no memory with another socket of the session`, async (t) => {
    const { wire, taken } = await start(t, way)
    for (const [name, pieces, count] of KINDS) {
      taken.length = 0
      const client = await wire.client()
      client.connect(1, '/own')
      client.connect(3, '/other')
      await Promise.all([client.response(1), client.response(3)])
      for (let round = 1; round <= ROUNDS; round++) {
        client.together(() => {
          for (const secret of secrets) client.data(3, secret)
          for (const piece of pieces) client.data(1, piece)
          for (const secret of secrets) client.data(3, secret)
        })
        await until(() => taken.length >= round * count)
      }
      client.together(() => {
        client.data(3, secrets[0]!)
        client.data(1, plain(CLOSE, Buffer.from('\x03\xe8why not', 'latin1')), true)
        client.data(3, secrets[0]!)
      })
      await until(() => taken.length > ROUNDS * count)
      t.same(taken.filter(holdsSecret).map(({ length }) => length), [], name)
      client.destroy()
    }
  })
}

async function openTcp (port: number, path: string, fields: string[] = []): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true })
  socket.write([`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket',
    'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...fields].join('\r\n') + HEAD_END)
  await once(socket, 'data')
  return socket.resume()
}

for (const [name, pieces, count, fields] of [
  ...KINDS.map((kind) => [...kind, []] as const),
  ['a compressed message', [deflated('x'.repeat(300))], 1, ['Sec-WebSocket-Extensions: permessage-deflate']]
] as const) {
  await t.test(`HTTP/1.1: ${name} shares no memory with another socket`, async (t) => {
    const { wire, taken } = await start(t, 'a listener', { http2: false })
    const other = await openTcp(wire.port, '/other')
    const own = await openTcp(wire.port, '/own', [...fields])
    for (let round = 1; round <= ROUNDS; round++) {
      for (const piece of pieces) {
        for (const secret of secrets) other.write(secret)
        await once(other, 'data')
        own.write(piece)
      }
      await until(() => taken.length >= round * count)
    }
    t.same(taken.filter(holdsSecret).map(({ length }) => length), [])
    for (const socket of [own, other]) socket.destroy()
  })
}

await t.test('connect(): what a client receives shares no memory with another socket of its session', async (t) => {
  const sockets = new Map<string, WebSocket>()
  const wire = await serve(t, (app) => {
    app.get('/:who', { websocket: true }, (socket, request) => { sockets.set(request.url, socket) })
  })
  const session = openSession(`http://127.0.0.1:${wire.port}`)
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
    await until(() => taken.length >= round * 6)
  }
  t.same(taken.filter(holdsSecret).map(({ length }) => length), [])
})
