import { once } from 'node:events'
import { connect } from 'node:net'
import type { Server, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { PADDED, endsStream } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { until } from './runs.ts'

const END_STREAM = 1
const MAX_DATA = 16384
const HEAD_END = '\r\n\r\n'
const STREAMS_OF_A_SESSION = 40

/** The connections of a server, by the port that they come from. */
export function connectionsOf (server: Server): Map<number, Socket> {
  const connections = new Map<number, Socket>()
  server.on('connection', (connection) => {
    const { remotePort } = connection
    connections.set(remotePort!, connection)
    connection.once('close', () => connections.delete(remotePort!))
  })
  return connections
}

/** What the server's side of a socket saw, in words. */
export class Observed {
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

/** The client's side of a socket, down to the bytes. */
export interface Peer {
  /** What came back after the handshake. */
  readonly bytes: Buffer
  readonly end: 'ended' | 'dropped' | undefined
  /** Asks for a socket, and sends something right after it. */
  open (path: string, early: Buffer): Promise<void>
  say (piece: Buffer, padding: number, ends: boolean): void
  endSide (): void
  /** Waits until the server has read all that was said. */
  settled (): Promise<void>
  breakOff (): void
}

function toHead (path: string, fields: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket',
    'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...fields].join('\r\n') + HEAD_END
}

/** A socket over HTTP/1.1, on a connection of its own. */
export class TcpPeer implements Peer {
  bytes: Buffer = Buffer.alloc(0)
  end: 'ended' | 'dropped' | undefined
  readonly #socket: Socket
  readonly #connections: Map<number, Socket>
  readonly #fields: string[]
  #said = 0

  /**
   * @param connections those of the server, by the port that they come from
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
    this.say(Buffer.concat([Buffer.from(toHead(path, this.#fields)), early]), 0, false)
    await until(() => this.bytes.includes(HEAD_END), 'the answer')
    this.bytes = this.bytes.subarray(this.bytes.indexOf(HEAD_END) + HEAD_END.length)
  }

  say (piece: Buffer, _padding: number, ends: boolean): void {
    this.#said += piece.length
    if (ends) this.#socket.end(piece)
    else this.#socket.write(piece)
  }

  endSide (): void {
    this.#socket.end()
  }

  async settled (): Promise<void> {
    const connection = this.#connections.get(this.#socket.localPort!)
    await until(() => connection!.bytesRead >= this.#said || connection!.destroyed, 'all is read')
  }

  breakOff (): void {
    this.#socket.resetAndDestroy()
  }
}

/** A socket over HTTP/1.1, on a connection in memory: each piece is one read of the server. */
export class MemoryPeer implements Peer {
  bytes: Buffer = Buffer.alloc(0)
  end: 'ended' | 'dropped' | undefined
  readonly #fields: string[]
  readonly #connection: Duplex
  #hasEnded = false

  /** @param fields more of the handshake */
  constructor (server: Server, fields: string[] = []) {
    this.#fields = fields
    this.#connection = new Duplex({
      read () {},
      write: (chunk, _encoding, done) => {
        this.bytes = Buffer.concat([this.bytes, chunk])
        done()
      },
      final: (done) => {
        this.end ??= 'ended'
        done()
      },
      destroy: (_error, done) => {
        this.end ??= 'dropped'
        done(null)
      }
    })
    server.emit('connection', this.#connection)
  }

  async open (path: string, early: Buffer): Promise<void> {
    this.say(Buffer.concat([Buffer.from(toHead(path, this.#fields)), early]))
    await until(() => this.bytes.includes(HEAD_END), 'the answer')
    this.bytes = this.bytes.subarray(this.bytes.indexOf(HEAD_END) + HEAD_END.length)
  }

  say (piece: Buffer, _padding = 0, ends = false): void {
    // ws unmasks what it reads.
    if (!this.#hasEnded) this.#connection.push(Buffer.from(piece))
    if (ends) this.endSide()
  }

  endSide (): void {
    if (!this.#hasEnded) this.#connection.push(null)
    this.#hasEnded = true
  }

  async settled (): Promise<void> {
    await until(() => this.#connection.readableLength === 0 || this.#connection.destroyed, 'all is read')
  }

  breakOff (): void {
    this.#connection.destroy()
  }
}

/** A socket over HTTP/2, on a stream of a session that it shares. */
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

  get end (): 'ended' | 'dropped' | undefined {
    if (this.#frames.some(endsStream)) return 'ended'
    return this.#frames.some(({ type }) => type === 'RST_STREAM') ? 'dropped' : undefined
  }

  get #frames (): FrameClient['frames'] {
    return this.#client.frames.filter(({ streamId }) => streamId === this.#id)
  }

  async open (path: string, early: Buffer): Promise<void> {
    this.#client.together(() => {
      this.#client.connect(this.#id, path)
      if (early.length > 0) this.say(early, 0, false)
    })
    await this.#client.response(this.#id)
  }

  say (piece: Buffer, padding: number, ends: boolean): void {
    const part = piece.subarray(0, MAX_DATA - 256)
    const isLast = part.length === piece.length
    const payload = padding === 0 ? part : Buffer.concat([Buffer.of(padding), part, Buffer.alloc(padding)])
    const flags = (padding === 0 ? 0 : PADDED) | (ends && isLast ? END_STREAM : 0)
    this.#client.send('DATA', this.#id, payload, flags)
    this.#hasEnded ||= ends
    if (!isLast) this.say(piece.subarray(part.length), padding, ends)
  }

  endSide (): void {
    if (!this.#hasEnded && this.end !== 'dropped') this.#client.end(this.#id)
    this.#hasEnded = true
  }

  settled (): Promise<void> {
    return this.#client.settled()
  }

  breakOff (): void {
    this.#client.rst(this.#id)
  }
}

/** Returns a function that opens one stream after the other, 40 to a session. */
export function streamPeers (openSession: () => Promise<FrameClient>): () => Promise<Peer> {
  let client: FrameClient | undefined
  let streamId = 1
  return async () => {
    if (client === undefined || streamId > 2 * STREAMS_OF_A_SESSION) {
      client?.destroy()
      client = await openSession()
      streamId = 1
    }
    streamId += 2
    return new StreamPeer(client, streamId)
  }
}
