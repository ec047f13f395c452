import assert from 'node:assert/strict'
import { on } from 'node:events'
import type { Server } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from 'ws'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { TEXT } from '../helpers/ws-frames.ts'
import { echo, serve } from '../wire/server.ts'
import { deflatedFrames, encodeFrame, frames, script, toPieces } from './frames.ts'
import type { RawFrame, Script } from './frames.ts'
import { StreamPeer, TcpPeer, connectionsOf } from './peers.ts'
import type { Peer } from './peers.ts'
import { holds, until } from './runs.ts'

const RUNS = 150
const STREAMS_OF_A_SESSION = 40
const DEFLATE = ['Sec-WebSocket-Extensions: permessage-deflate']
const NO_MASK = '00000000'

const SECRET = Buffer.from('nobody else may read this')

type Data = Buffer | ArrayBuffer | Data[]
type Way = keyof typeof WAYS

/** Ways in which a handler may read messages. */
const WAYS = {
  listens: (socket: WebSocket, take: (data: Data) => void) => { socket.on('message', take) },
  'listens late': (socket: WebSocket, take: (data: Data) => void) => {
    setTimeout(() => socket.on('message', take), 1)
  },
  'pauses first': (socket: WebSocket, take: (data: Data) => void) => {
    socket.on('message', take)
    socket.pause()
    setTimeout(() => socket.resume(), 1)
  },
  iterates: async (socket: WebSocket, take: (data: Data) => void) => {
    for await (const message of socket as unknown as AsyncIterable<Buffer | string>) {
      if (typeof message !== 'string') take(message)
      await turn()
    }
  },
  'iterates over events': async (socket: WebSocket, take: (data: Data) => void) => {
    for await (const [data] of on(socket, 'message', { close: ['close'] })) take(data)
  },
  streams: (socket: WebSocket, take: (data: Data) => void) => {
    createWebSocketStream(socket).on('data', take).on('error', () => {})
  },
  'takes fragments': (socket: WebSocket, take: (data: Data) => void) => {
    socket.binaryType = 'fragments'
    socket.on('message', take)
  },
  'takes ArrayBuffers': (socket: WebSocket, take: (data: Data) => void) => {
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
  app.get('/:way/:id', { websocket: true }, (socket, request) => {
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
    const way = decodeURIComponent(request.url.split('/')[1]!) as Way
    // What a client does wrong ends its loop.
    void Promise.resolve(WAYS[way](socket, take)).catch(() => {})
  })
}

/** Memory that a handler can read through what it has received. */
function memoryOf (data: Data): Buffer[] {
  if (Array.isArray(data)) return data.flatMap(memoryOf)
  return [Buffer.from(data instanceof ArrayBuffer ? data : data.buffer as ArrayBuffer)]
}

const plugin = { options: { perMessageDeflate: true, maxPayload: 100_000 }, errorHandler: () => {} }
const h2 = await serve(t, addRoutes, { plugin })
const h1 = await serve(t, addRoutes, { plugin, server: { http2: false } })
const connections = connectionsOf(h1.app.server as Server)

let client: FrameClient | undefined
let streamId = 1

async function renewClient (): Promise<FrameClient> {
  if (client === undefined || streamId > 2 * STREAMS_OF_A_SESSION) {
    client?.destroy()
    client = await h2.client()
    streamId = 1
  }
  return client
}

function openStreamPeer (): Peer {
  const peer = new StreamPeer(client!, streamId)
  streamId += 2
  return peer
}

type Together = (say: () => void) => void

interface Case {
  way: Way
  script: Script
  /** Sizes of the messages of another socket. */
  sizes: number[]
}

function toCases (list: typeof frames): fc.Arbitrary<Case> {
  return fc.record({
    way: fc.constantFrom(...Object.keys(WAYS) as Way[]),
    script: fc.record({ script, frames: list, end: fc.constantFrom('after' as const, 'never' as const) })
      .map(({ script, frames, end }) => ({
        ...script, frames: frames.map((frame) => ({ ...frame, mask: NO_MASK })), end, isEarly: false, padding: [0]
      })),
    sizes: fc.array(fc.oneof(fc.nat(200), fc.nat(3000)), { minLength: 1, maxLength: 8 })
  })
}

function secretOf (size: number): Buffer {
  const payload = Buffer.alloc(Math.max(size, SECRET.length), SECRET).toString('hex')
  const frame: RawFrame = { opcode: TEXT, fin: true, rsv: 0, masked: true, mask: NO_MASK, payload }
  return encodeFrame(frame)
}

/** Sends the pieces of a script among the messages of another socket. */
function mix (pieces: Buffer[], own: Peer, other: Peer, sizes: number[]): void {
  for (let index = 0; index < Math.max(pieces.length, sizes.length); index++) {
    if (sizes[index] !== undefined) other.say(secretOf(sizes[index]!), 0, false)
    if (pieces[index] !== undefined) own.say(pieces[index]!, 0, false)
  }
}

async function check (own: Peer, other: Peer, { way, script, sizes }: Case, together: Together): Promise<void> {
  const path = `/${encodeURIComponent(way)}/${count++}`
  await own.open(path, Buffer.alloc(0))
  await other.open('/other', Buffer.alloc(0))

  const echoes = sizes.reduce((sum, size) => sum + secretOf(size).length - 4, 0)
  together(() => mix(toPieces(script), own, other, sizes))
  await until(() => other.bytes.length >= echoes, 'the other socket has its echoes')
  await own.settled()
  own.endSide()
  other.breakOff()
  await until(() => own.end !== undefined, 'the server ends its side')
  const { taken, closed } = readers.get(path)!
  await closed
  await turn()
  for (const data of taken) {
    for (const memory of memoryOf(data)) assert.ok(!memory.includes(SECRET), `${memory.length} bytes of memory`)
  }
}

await holds('what a handler receives over HTTP/2 shares no memory with other sockets', { runs: RUNS }, toCases(frames),
  async (given) => {
    const session = await renewClient()
    await check(openStreamPeer(), openStreamPeer(), given, (say) => session.together(say))
  })

await holds('what a handler receives over HTTP/1.1 shares no memory with other sockets', { runs: RUNS },
  toCases(fc.oneof(deflatedFrames, frames)),
  async (given) => {
    const own = new TcpPeer(h1.port, connections, DEFLATE)
    await check(own, new TcpPeer(h1.port, connections), given, (say) => say())
  })
