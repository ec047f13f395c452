import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import { WebSocket as WsWebSocket, WebSocketServer } from 'ws'
import type { PerMessageDeflateOptions } from 'ws'
import type { WriteCallback, WriteItem } from '../../../lib/internals/streams.ts'
import { Connection } from '../../../lib/socket/connection.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { createSocketClass } from '../../../lib/socket/websocket.ts'
import { kAttachConnection } from '../../../lib/symbols.ts'
import { readWsFrames } from '../../helpers/ws-frames.ts'

/** A connection in memory, which sends nothing while it is blocked. */
export class FakeConnection extends Duplex {
  isBlocked = false
  readonly writes: Buffer[] = []
  readonly #callbacks: WriteCallback[] = []

  constructor () {
    // As Node's own connections and streams.
    super({ decodeStrings: false })
  }

  override _read (): void {}

  override _write (chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback): void {
    this.writes.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
    this.#callbacks.push(callback)
    if (!this.isBlocked) this.unblock()
  }

  override _writev (items: WriteItem[], callback: WriteCallback): void {
    const chunks = items.map(({ chunk, encoding }) => typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
    this._write(Buffer.concat(chunks), 'utf8', callback)
  }

  override _final (callback: WriteCallback): void {
    this.push(null)
    callback()
  }

  unblock (): void {
    this.isBlocked = false
    this.#callbacks.shift()?.()
  }

  get frames (): Array<[opcode: number, payload: string]> {
    return readWsFrames(Buffer.concat(this.writes))[0].map(({ opcode, payload }) => [opcode, String(payload)])
  }
}

export interface OpenOptions {
  /** A class that a user has derived from that of ws. */
  Base?: typeof WsWebSocket
  /** Whether to compress every message, or the options of ws for that. */
  deflates?: boolean | PerMessageDeflateOptions
  allowSynchronousEvents?: boolean
}

/** Opens a socket of a server over a connection. */
export async function openOver (connection: Connection, options: OpenOptions = {}): Promise<PluginSocket> {
  const { Base = WsWebSocket, deflates = false, allowSynchronousEvents = true } = options
  const server = new WebSocketServer({
    noServer: true,
    allowSynchronousEvents,
    perMessageDeflate: deflates === true ? { threshold: 0 } : deflates,
    WebSocket: createSocketClass(Base)
  })
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...(deflates !== false ? { 'sec-websocket-extensions': 'permessage-deflate' } : {})
  }
  return await new Promise((resolve) => {
    const request = { method: 'GET', url: '/', headers } as never
    server.handleUpgrade(request, connection.duplex, Buffer.alloc(0), (websocket) => {
      const socket = websocket as WsWebSocket & PluginSocket
      socket[kAttachConnection](connection)
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

/** Opens a socket of a server over a connection in memory. */
export async function open (
  t: Test, options?: OpenOptions
): Promise<[socket: PluginSocket, connection: FakeConnection]> {
  const connection = new FakeConnection()
  t.teardown(() => connection.destroy())
  const socket = await openOver(new Connection(connection), options)
  await turn()
  connection.writes.length = 0
  return [socket, connection]
}
