import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { hookSender, sendsImmediately, wsSend, wsSenderOf } from '../internals/ws.ts'
import type { FrameOptions, Sender } from '../internals/ws.ts'
import { LENGTH_16, WHOLE_BINARY, WHOLE_TEXT } from './constants.ts'
import { countBytes } from './count-bytes.ts'

/** Message, of any type that ws sends. */
export type Data = Parameters<WebSocket['send']>[0]
/** Options of `send()`. */
export type SendOptions = Parameters<WebSocket['send']>[1] & object
/** Callback of `send()`. */
export type SendCallback = (error?: Error) => void

/** Size, in bytes, up to which copying a message costs less than writing its header and payload separately. */
const MAX_COPIED_SEND = 1024

/** Counter of the messages that a socket sends. */
export interface SendCounter {
  /** @param isLast true for a whole message and for its last fragment */
  sent (bytes: number, isLast: boolean): void
}

const kCounter = Symbol('fastify-websocket-h2.counter')

type CountingSender = Sender & { [kCounter]?: SendCounter }

/**
 * Makes ws write the short messages of a socket with one write. It replaces the last step of ws's `send()`, so that
 * whatever patches or overrides `send()` still receives each message, as its sender has passed it.
 */
export function shortenWrites (websocket: WebSocket): void {
  hookSender(websocket, { send: sendFrame })
}

/** Counts the messages of a socket from now on, and their bytes before compression. */
export function countSends (websocket: WebSocket, counter: SendCounter): void {
  Object.assign(wsSenderOf(websocket), { [kCounter]: counter })
}

function sendFrame (this: CountingSender, data: unknown, options: FrameOptions, callback?: SendCallback): void {
  const isPlain = options.fin && !options.mask && !options.compress && sendsImmediately(this)
  const size = isPlain ? writeShort(this._socket, data as Data, options.binary, callback) : -1
  if (size >= 0) return this[kCounter]?.sent(size, options.fin)
  // Node counts the characters of a buffered string, not its bytes.
  const payload = typeof data === 'string' ? Buffer.from(data) : data
  wsSend(this, payload, options, callback)
  this[kCounter]?.sent(countBytes(payload), options.fin)
}

/**
 * Writes a short message as one unmasked frame, with one write; ws makes two, between `cork()` and `uncork()`. Returns
 * the size of the message, in bytes. Returns -1, and writes nothing, if the message is not short, or neither a string
 * nor bytes: ws has to send it.
 */
export function writeShort (
  connection: Duplex, data: Data, isBinary: boolean, callback: SendCallback | undefined
): number {
  if (!(typeof data === 'string' || data instanceof Uint8Array) || data.length > MAX_COPIED_SEND) return -1
  const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length
  const bytes = frame(data, size, isBinary ? WHOLE_BINARY : WHOLE_TEXT)
  connection.write(bytes, callback as ((error?: Error | null) => void))
  return size
}

function frame (data: string | Uint8Array, size: number, first: number): Buffer {
  const start = size < LENGTH_16 ? 2 : 4
  const bytes = Buffer.allocUnsafe(start + size)
  bytes[0] = first
  if (size < LENGTH_16) {
    bytes[1] = size
  } else {
    bytes[1] = LENGTH_16
    bytes.writeUInt16BE(size, 2)
  }
  if (typeof data === 'string') bytes.write(data, start)
  else bytes.set(data, start)
  return bytes
}
