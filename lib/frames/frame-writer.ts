import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { compressForAll, compressesMessage } from '../internals/ws-deflate.ts'
import { hookSender, isInMessage, isQueueing, sendsImmediately, wsSend, wsSenderOf } from '../internals/ws.ts'
import type { FrameOptions, Sender } from '../internals/ws.ts'
import { countBytes } from './count-bytes.ts'
import { HeldMessages } from './held-messages.ts'
import { preparedOf } from './prepared-message.ts'
import type { PreparedMessage } from './prepared-message.ts'
import { frame } from './whole-frame.ts'

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
const kHeld = Symbol('fastify-websocket-h2.held')
const kFragmented = Symbol('fastify-websocket-h2.fragmented')

/** Sender of ws, with what the plugin adds. */
interface PluginSender extends Sender {
  [kCounter]?: SendCounter
  [kHeld]?: HeldMessages
  /** Prepared message that is being sent in fragments, by a class with a `send()` of its own. */
  [kFragmented]?: PreparedMessage | undefined
}

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

/**
 * Returns the bytes of the prepared messages that wait until the user has sent another message in fragments. They do
 * not wait for the peer.
 */
export function heldBytesOf (websocket: WebSocket): number {
  return (wsSenderOf(websocket) as PluginSender | undefined)?.[kHeld]?.bytes ?? 0
}

function sendFrame (this: PluginSender, data: unknown, options: FrameOptions, callback?: SendCallback): void {
  const prepared = preparedOf(options)
  const isFirst = !isInMessage(this)
  if (prepared !== undefined) {
    if (!isFirst && this[kFragmented] !== prepared) return hold(this, data, options, callback)
    if (isFirst && isReady(prepared, data, options)) return sendPrepared(this, prepared, options, callback)
  }
  const isPlain = options.fin && !options.mask && !options.compress && sendsImmediately(this)
  const size = isPlain ? writeShort(this._socket, data as Data, options.binary, callback) : -1
  if (size >= 0) return this[kCounter]?.sent(size, options.fin)
  const payload = typeof data === 'string' ? toPayload(data, options, this._socket) : data
  wsSend(this, payload, options, callback)
  this[kCounter]?.sent(countBytes(payload), options.fin)
  if (options.fin) this[kHeld]?.release()
  else if (isFirst) this[kFragmented] = prepared
}

/**
 * Returns a text as it is, or as bytes. Node counts the characters of a buffered string, not its bytes, so the string
 * has to be ASCII. An HTTP/2 stream needs bytes, which it sends in parts. On Node 26, memory for the bytes of a long
 * text costs more than the rest of its message.
 */
function toPayload (text: string, { compress, mask }: FrameOptions, connection: Duplex): string | Buffer {
  const isWhole = !('session' in connection) && !compress && !mask
  return isWhole && Buffer.byteLength(text) === text.length ? text : Buffer.from(text)
}

function hold (
  sender: PluginSender, data: unknown, options: FrameOptions, callback: SendCallback | undefined
): void {
  sender[kHeld] ??= new HeldMessages(sender)
  const send = (): void => sendFrame.call(sender, data, options, callback)
  sender[kHeld].add({ bytes: countBytes(data), callback, send })
}

/** Returns false if a class or a patch has changed the message on its way, or if it cannot be sent as it is. */
function isReady (prepared: PreparedMessage, data: unknown, options: FrameOptions): boolean {
  return data === prepared.data && options.binary === prepared.isBinary && options.fin && !options.mask
}

function sendPrepared (
  sender: PluginSender, prepared: PreparedMessage, options: FrameOptions, callback: SendCallback | undefined
): void {
  const isCompressed = options.compress && compressesMessage(sender, prepared.byteLength)
  if (isCompressed) compressForAll(prepared.payload)
  if (isCompressed || isQueueing(sender)) wsSend(sender, prepared.payload, options, callback)
  else sender._socket.write(prepared.frame, callback as ((error?: Error | null) => void))
  sender[kCounter]?.sent(prepared.byteLength, true)
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
  connection.write(frame(data, size, isBinary), callback as ((error?: Error | null) => void))
  return size
}

/** Returns true if the options of `send()` end a message. ws treats a `fin` that is undefined as false. */
export function isLast (options: SendOptions | SendCallback | undefined): boolean {
  if (options == null || typeof options === 'function') return true
  // ws copies own properties only. Most options have no `fin` at all, and `in` finds that 25 ns faster.
  return !('fin' in options) || !Object.hasOwn(options, 'fin') || Boolean(options.fin)
}
