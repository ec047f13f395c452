import { once } from 'node:events'
import { connect } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import { echo } from '../helpers/echo.ts'
import { MAX_FRAME_SIZE, PADDED, endsStream } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { MemoryConnection } from '../helpers/memory-connection.ts'
import { HEADERS_END, upgradeRequest } from '../helpers/upgrade-request.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { toPieces } from './frame-arbitraries.ts'
import type { Script } from './frame-arbitraries.ts'
import { waitUntil } from './property.ts'
import { SharedSession } from './shared-session.ts'

const END_STREAM = 1
const MAX_PADDING = 256

/** Returns the connections of a server by the ports of their clients. */
export function connectionsOf (server: Server): Map<number, Socket> {
  const connections = new Map<number, Socket>()
  server.on('connection', (connection) => {
    const { remotePort } = connection
    connections.set(remotePort!, connection)
    connection.once('close', () => connections.delete(remotePort!))
  })
  return connections
}

/** A socket of a server, and descriptions of its events. */
export class ObservedSocket {
  readonly socket: WebSocket
  readonly events: string[] = []
  readonly closed: Promise<unknown>

  constructor (socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) => { socket.once('close', resolve) })
    socket.on('message', (data: Buffer, isBinary) => {
      this.events.push(`${isBinary ? 'binary' : 'text'} ${data.toString('hex')}`)
    })
    socket.on('ping', (data) => { this.events.push(`ping ${data.toString('hex')}`) })
    socket.on('pong', (data) => { this.events.push(`pong ${data.toString('hex')}`) })
    socket.on('error', (error: Error & { code?: string }) => { this.events.push(`error ${error.code}`) })
    socket.on('close', (code, reason) => { this.events.push(`close ${code} ${reason.toString('hex')}`.trimEnd()) })
  }
}

/** The sockets of servers by their paths. They echo. */
export class ObservedEchoes {
  readonly #sockets = new Map<string, ObservedSocket>()
  #count = 0

  nextPath (): string {
    return `/${this.#count++}`
  }

  get (path: string): ObservedSocket {
    return this.#sockets.get(path)!
  }

  add (socket: WebSocket, path: string): void {
    this.#sockets.set(path, new ObservedSocket(socket))
    echo(socket)
  }

  addRoute (app: FastifyInstance): void {
    app.get('/:id', { websocket: true }, (socket, request) => { this.add(socket, request.url) })
  }
}

/** The client's side of a socket, at the level of bytes. */
export interface Peer {
  /** Bytes that were received after the handshake. */
  readonly bytes: Buffer
  readonly end: 'ended' | 'dropped' | undefined
  /** Requests a socket, and sends some bytes immediately after the request. */
  open (path: string, early: Buffer): Promise<void>
  send (piece: Buffer, padding: number, ends: boolean): void
  endSide (): void
  /** Waits until the server has read everything that was sent. */
  settled (): Promise<void>
  /** Ends the socket without a closing handshake. */
  abort (): void
}

/** A socket over HTTP/1.1 on a TCP connection. */
export class TcpPeer implements Peer {
  bytes: Buffer = Buffer.alloc(0)
  end: 'ended' | 'dropped' | undefined
  readonly #socket: Socket
  readonly #connections: Map<number, Socket>
  readonly #fields: string[]
  #sent = 0

  /**
   * @param connections of the server, by the ports of their clients
   * @param fields more of the handshake
   */
  constructor (port: number, connections: Map<number, Socket>, fields: string[] = []) {
    this.#connections = connections
    this.#fields = fields
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    this.#socket.on('data', (chunk: Buffer) => { this.bytes = Buffer.concat([this.bytes, chunk]) })
    this.#socket.on('end', () => { this.end ??= 'ended' })
    this.#socket.on('error', () => { this.end ??= 'dropped' })
  }

  async open (path: string, early: Buffer): Promise<void> {
    if (this.#socket.connecting) await once(this.#socket, 'connect')
    this.send(Buffer.concat([Buffer.from(upgradeRequest(path, this.#fields)), early]), 0, false)
    await waitUntil(() => this.bytes.includes(HEADERS_END), 'a response')
    this.bytes = this.bytes.subarray(this.bytes.indexOf(HEADERS_END) + HEADERS_END.length)
  }

  send (piece: Buffer, _padding: number, ends: boolean): void {
    this.#sent += piece.length
    if (ends) this.#socket.end(piece)
    else this.#socket.write(piece)
  }

  endSide (): void {
    this.#socket.end()
  }

  async settled (): Promise<void> {
    const connection = this.#connections.get(this.#socket.localPort!)
    await waitUntil(() => connection!.bytesRead >= this.#sent || connection!.destroyed, 'everything is read')
  }

  abort (): void {
    this.#socket.resetAndDestroy()
  }
}

/** A socket over HTTP/1.1 on a connection in memory, where each piece is one read of the server. */
export class MemoryPeer implements Peer {
  readonly #fields: string[]
  readonly #connection = new MemoryConnection({ endsWithPeer: false })

  /** @param fields more of the handshake */
  constructor (server: Server, fields: string[] = []) {
    this.#fields = fields
    server.emit('connection', this.#connection.duplex)
  }

  get bytes (): Buffer {
    return this.#connection.bytes
  }

  get end (): Peer['end'] {
    return this.#connection.end
  }

  async open (path: string, early: Buffer): Promise<void> {
    this.send(Buffer.concat([Buffer.from(upgradeRequest(path, this.#fields)), early]))
    await this.#connection.takeHead()
  }

  send (piece: Buffer, _padding = 0, ends = false): void {
    this.#connection.push(piece)
    if (ends) this.endSide()
  }

  endSide (): void {
    this.#connection.endSide()
  }

  async settled (): Promise<void> {
    const { duplex } = this.#connection
    await waitUntil(() => duplex.readableLength === 0 || duplex.destroyed, 'everything is read')
  }

  abort (): void {
    this.#connection.duplex.destroy()
  }
}

/** A socket over HTTP/2 on a stream of a session. */
export class StreamPeer implements Peer {
  readonly #client: FrameClient
  readonly #id: number
  #hasEnded = false

  constructor (client: FrameClient, id: number) {
    this.#client = client
    this.#id = id
  }

  get bytes (): Buffer {
    return Buffer.concat(this.#frames.filter(({ type }) => type === 'DATA').map(({ payload }) => payload))
  }

  get end (): Peer['end'] {
    if (this.#frames.some(endsStream)) return 'ended'
    return this.#frames.some(({ type }) => type === 'RST_STREAM') ? 'dropped' : undefined
  }

  get #frames (): FrameClient['frames'] {
    return this.#client.frames.filter(({ streamId }) => streamId === this.#id)
  }

  async open (path: string, early: Buffer): Promise<void> {
    this.#client.batch(() => {
      this.#client.connect(this.#id, path)
      if (early.length > 0) this.send(early, 0, false)
    })
    await this.#client.response(this.#id)
  }

  send (piece: Buffer, padding: number, ends: boolean): void {
    const part = piece.subarray(0, MAX_FRAME_SIZE - MAX_PADDING)
    const isLast = part.length === piece.length
    const payload = padding === 0 ? part : Buffer.concat([Buffer.of(padding), part, Buffer.alloc(padding)])
    const flags = (padding === 0 ? 0 : PADDED) | (ends && isLast ? END_STREAM : 0)
    this.#client.send('DATA', this.#id, payload, flags)
    this.#hasEnded ||= ends
    if (!isLast) this.send(piece.subarray(part.length), padding, ends)
  }

  endSide (): void {
    if (!this.#hasEnded && this.end !== 'dropped') this.#client.end(this.#id)
    this.#hasEnded = true
  }

  settled (): Promise<void> {
    return this.#client.roundTrip()
  }

  abort (): void {
    this.#client.rst(this.#id)
  }
}

/** Returns a function that opens streams of sessions that they share. */
export function streamPeers (openSession: () => Promise<FrameClient>): () => Promise<Peer> {
  const session = new SharedSession(openSession)
  return async () => new StreamPeer(await session.client(), session.nextStreamId())
}

/** Opens a socket, and sends a script on it. */
export async function sendScript (peer: Peer, path: string, script: Script): Promise<void> {
  const pieces = toPieces(script)
  await peer.open(path, script.isEarly ? pieces.shift()! : Buffer.alloc(0))
  for (const [index, piece] of pieces.entries()) {
    const padding = script.padding[index % script.padding.length]!
    peer.send(piece, padding, script.end === 'with' && index === pieces.length - 1)
    if (padding > 127) await waitTurns()
  }
}

/** The result of a script on both sides. */
export interface Outcome {
  events: string[]
  bytes: string
  end: Peer['end']
}

export function outcomeOf ({ events }: ObservedSocket, { bytes, end }: Peer): Outcome {
  return { events, bytes: bytes.toString('hex'), end }
}
