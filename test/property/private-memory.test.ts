import assert from 'node:assert/strict'
import { on } from 'node:events'
import type { Server } from 'node:http'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from 'ws'
import { echo } from '../helpers/echo.ts'
import { startServer } from '../helpers/test-server.ts'
import { OFFER_DEFLATE } from '../helpers/upgrade-request.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { TEXT } from '../helpers/ws-frames.ts'
import { compressedFrames, encodeFrame, frames, script, toPieces } from './frame-arbitraries.ts'
import type { RawFrame, Script } from './frame-arbitraries.ts'
import { StreamPeer, TcpPeer, connectionsOf } from './peers.ts'
import type { Peer } from './peers.ts'
import { testProperty, waitUntil } from './property.ts'
import { SharedSession } from './shared-session.ts'

const RUNS = 150
const ZERO_KEY = '00000000'

const SECRET = Buffer.from('nobody else may read this')

type Data = Buffer | ArrayBuffer | Data[]
type ConsumerName = keyof typeof CONSUMERS

/** Ways in which a handler may receive messages. */
const CONSUMERS = {
  listener: (socket: WebSocket, take: (data: Data) => void) => { socket.on('message', take) },
  'late listener': (socket: WebSocket, take: (data: Data) => void) => {
    setTimeout(() => socket.on('message', take), 1)
  },
  'paused listener': (socket: WebSocket, take: (data: Data) => void) => {
    socket.on('message', take)
    socket.pause()
    setTimeout(() => socket.resume(), 1)
  },
  'for await': async (socket: WebSocket, take: (data: Data) => void) => {
    for await (const message of socket as unknown as AsyncIterable<Buffer | string>) {
      if (typeof message !== 'string') take(message)
      await waitTurns()
    }
  },
  'events.on()': async (socket: WebSocket, take: (data: Data) => void) => {
    for await (const [data] of on(socket, 'message', { close: ['close'] })) take(data)
  },
  'createWebSocketStream()': (socket: WebSocket, take: (data: Data) => void) => {
    createWebSocketStream(socket).on('data', take).on('error', () => {})
  },
  fragments: (socket: WebSocket, take: (data: Data) => void) => {
    socket.binaryType = 'fragments'
    socket.on('message', take)
  },
  ArrayBuffers: (socket: WebSocket, take: (data: Data) => void) => {
    socket.binaryType = 'arraybuffer'
    socket.on('message', take)
  }
}

interface Reader {
  socket: WebSocket
  taken: Data[]
  closed: Promise<void>
}

const readers = new Map<string, Reader>()
let count = 0

function addRoutes (app: FastifyInstance): void {
  app.get('/other', { websocket: true }, echo)
  app.get('/:consumer/:id', { websocket: true }, (socket, request) => {
    const taken: Data[] = []
    const take = (data: Data): void => { taken.push(data) }
    for (const event of ['ping', 'pong']) socket.on(event, take)
    socket.on('error', () => {})
    const closed = new Promise<void>((resolve) => {
      socket.on('close', (_code, reason) => {
        take(reason)
        resolve()
      })
    })
    readers.set(request.url, { socket, taken, closed })
    const consumer = decodeURIComponent(request.url.split('/')[1]!) as ConsumerName
    // A protocol error of the client ends its loop.
    void Promise.resolve(CONSUMERS[consumer](socket, take)).catch(() => {})
  })
}

/** Returns the memory that a handler can read through data that it has received. */
function memoryOf (data: Data): Buffer[] {
  if (Array.isArray(data)) return data.flatMap(memoryOf)
  return [Buffer.from(data instanceof ArrayBuffer ? data : data.buffer as ArrayBuffer)]
}

const plugin = { options: { perMessageDeflate: true, maxPayload: 100_000 }, errorHandler: () => {} }
const h2 = await startServer(t, addRoutes, { plugin })
const h1 = await startServer(t, addRoutes, { plugin, server: { http2: false } })
const connections = connectionsOf(h1.app.server as Server)

const session = new SharedSession(() => h2.client())

type Batch = (send: () => void) => void

interface Case {
  consumer: ConsumerName
  script: Script
  /** Sizes of the messages of another socket. */
  sizes: number[]
}

function toCases (list: typeof frames): fc.Arbitrary<Case> {
  return fc.record({
    consumer: fc.constantFrom(...Object.keys(CONSUMERS) as ConsumerName[]),
    script: fc.record({ script, frames: list, end: fc.constantFrom('after' as const, 'never' as const) })
      .map(({ script, frames, end }) => ({
        ...script,
        frames: frames.map((frame) => ({ ...frame, maskingKey: ZERO_KEY })),
        end,
        isEarly: false,
        padding: [0]
      })),
    sizes: fc.array(fc.oneof(fc.nat(200), fc.nat(3000)), { minLength: 1, maxLength: 8 })
  })
}

function secretOf (size: number): Buffer {
  const payload = Buffer.alloc(Math.max(size, SECRET.length), SECRET).toString('hex')
  const frame: RawFrame = { opcode: TEXT, fin: true, rsv: 0, masked: true, maskingKey: ZERO_KEY, payload }
  return encodeFrame(frame)
}

/** Sends the pieces of a script among the messages of another socket. */
function mix (pieces: Buffer[], own: Peer, other: Peer, sizes: number[]): void {
  for (let index = 0; index < Math.max(pieces.length, sizes.length); index++) {
    if (sizes[index] !== undefined) other.send(secretOf(sizes[index]!), 0, false)
    if (pieces[index] !== undefined) own.send(pieces[index]!, 0, false)
  }
}

async function check (own: Peer, other: Peer, { consumer, script, sizes }: Case, batch: Batch): Promise<void> {
  const path = `/${encodeURIComponent(consumer)}/${count++}`
  await own.open(path, Buffer.alloc(0))
  await other.open('/other', Buffer.alloc(0))

  const echoes = sizes.reduce((sum, size) => sum + secretOf(size).length - 4, 0)
  batch(() => mix(toPieces(script), own, other, sizes))
  await waitUntil(() => other.bytes.length >= echoes, 'the other socket has received its echoes')
  await own.settled()
  own.endSide()
  other.abort()
  await waitUntil(() => own.end !== undefined, 'the server ends its side')
  const { taken, closed } = readers.get(path)!
  await closed
  await waitTurns()
  for (const data of taken) {
    for (const memory of memoryOf(data)) assert.ok(!memory.includes(SECRET), `${memory.length} bytes of memory`)
  }
}

await testProperty('data that a handler receives over HTTP/2 shares no memory with other sockets', { runs: RUNS }, toCases(frames),
  async (one) => {
    const client = await session.client()
    const own = new StreamPeer(client, session.nextStreamId())
    const other = new StreamPeer(client, session.nextStreamId())
    await check(own, other, one, (send) => client.batch(send))
  })

await testProperty('data that a handler receives over HTTP/1.1 shares no memory with other sockets', { runs: RUNS },
  toCases(fc.oneof(compressedFrames, frames)),
  async (one) => {
    const own = new TcpPeer(h1.port, connections, [OFFER_DEFLATE])
    await check(own, new TcpPeer(h1.port, connections), one, (send) => send())
  })
