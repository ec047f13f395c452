import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import * as imported from 'ws'
import type { WebSocket, WebSocketServer } from 'ws'
import type { WriteCallback } from './streams.ts'

type Classes = Pick<typeof imported, 'WebSocket' | 'WebSocketServer'>

/**
 * Returns the classes of ws, as CommonJS modules receive them.
 *
 * Instrumentations such as those of dd-trace and OpenTelemetry patch ws when a CommonJS module requires it. ws's ES
 * module loads only some of its files in that way, so that they would patch `send()` and miss `handleUpgrade()`. They
 * change the classes, or return a subclass. A bundle contains ws already: loading it fails then, or finds a copy. In a
 * bundle for CommonJS that esbuild has written, `import.meta.url` is undefined, and `createRequire` throws.
 *
 * @param load loads a CommonJS module
 */
export function loadWs (load = (name: string): unknown => createRequire(import.meta.url)(name)): Classes {
  try {
    const WebSocket = load('ws') as Classes['WebSocket'] & { Server: Classes['WebSocketServer'] }
    const isSame = WebSocket === imported.WebSocket || WebSocket.prototype instanceof imported.WebSocket
    if (isSame) return { WebSocket, WebSocketServer: WebSocket.Server }
  } catch {}
  return imported
}

/**
 * Returns whether ws has the receiver that the functions below use. Bun 1.4 replaces ws by a module whose receiver has
 * no methods: each socket would open, and close with 1006.
 */
export function hasReceiver ({ Receiver }: object & { Receiver?: { prototype: object } } = imported): boolean {
  return Receiver !== undefined && '_write' in Receiver.prototype
}

/**
 * Returns a ws server with other options, which shares everything else with the given one: clients, listeners, state.
 *
 * ws reads the options of a socket from `server.options` during the handshake. The documented way, a second server,
 * would have its own clients: the first one would not list them, and would not wait for them when it closes.
 */
export function overrideOptions (server: WebSocketServer, options: WebSocketServer['options']): WebSocketServer {
  return new Proxy(server, {
    get: (target, name) => name === 'options' ? options : Reflect.get(target, name)
  })
}

/**
 * Writable in which ws parses frames, and which emits their messages. There is no documented access to the data between
 * the connection and the receiver, or between the receiver and the socket; see lib/frames/ws-receiver.ts for its use.
 */
export interface Receiver {
  /** True after a protocol error of the peer, which ws emits a tick later. */
  _errored: boolean
  readonly writableEnded: boolean
  _write: (this: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback) => void
  emit: (this: Receiver, event: string, first?: unknown, second?: unknown) => boolean
  end: (this: Receiver, ...parameters: unknown[]) => Receiver
}

/** Returns the receiver of an open socket. */
export function wsReceiverOf (websocket: WebSocket): Receiver {
  return (websocket as unknown as { _receiver: Receiver })._receiver
}

/** Replaces methods of the receiver of a socket that has just opened, and has parsed nothing yet. */
export function hookReceiver (websocket: WebSocket, hooks: Partial<Pick<Receiver, '_write' | 'emit' | 'end'>>): void {
  Object.assign(wsReceiverOf(websocket), hooks)
}

/** Calls the original `_write` of a receiver. */
export function wsWrite (receiver: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback): void {
  Object.getPrototypeOf(receiver)._write.call(receiver, chunk, encoding, done)
}

/** Calls the original `end` of a receiver. */
export function wsEnd (receiver: Receiver, parameters: unknown[]): void {
  Object.getPrototypeOf(receiver).end.apply(receiver, parameters)
}

/** Calls the original `emit` of a receiver. */
export function wsEmit (receiver: Receiver, event: string, first?: unknown, second?: unknown): boolean {
  return Object.getPrototypeOf(receiver).emit.call(receiver, event, first, second)
}

/**
 * Emits a message of a receiver. If its only listener is that of ws, it is called directly: `emit()` takes 5 % of the
 * CPU of an echo. No documented method returns a listener without a copy of all.
 */
export function wsEmitMessage (receiver: Receiver, data: Buffer, isBinary: boolean): void {
  const { message } = (receiver as unknown as { _events: { message?: unknown } })._events
  // `Object.getPrototypeOf()` costs more than the rest of this function. A class of ws has set `constructor`.
  const isPatched = receiver.constructor.prototype.emit !== EventEmitter.prototype.emit
  if (typeof message === 'function' && !isPatched) message.call(receiver, data, isBinary)
  else wsEmit(receiver, 'message', data, isBinary)
}

/** Returns true after a protocol error of the peer, which ws emits a tick later. */
export function hasReceiverFailed (websocket: WebSocket): boolean {
  return wsReceiverOf(websocket)._errored !== false
}

/**
 * Makes a listener receive the 'end' of a connection in place of ws, which then ends its own side without an answer to
 * what it is still parsing. There is no documented way to answer first.
 *
 * @param listener called with the listener of ws
 */
export function interceptEnd (connection: Duplex, listener: (wsOnEnd: () => void) => void): void {
  const wsOnEnd = connection.listeners('end').find(({ name }) => name === 'socketOnEnd') as (() => void) | undefined
  if (wsOnEnd === undefined) return
  connection.off('end', wsOnEnd)
  connection.on('end', () => listener(() => wsOnEnd.call(connection)))
}

/**
 * Returns true if the peer's Close frame was received. ws then calls `close()` itself, and emits 'close' when the
 * connection has ended. No documented property shows which side has closed first.
 */
export function hasReceivedClose (websocket: WebSocket): boolean {
  return (websocket as unknown as { _closeFrameReceived: boolean })._closeFrameReceived
}

/** Options of a message, after ws has added its defaults. */
export interface FrameOptions {
  binary: boolean
  compress: boolean
  fin: boolean
  mask: boolean
}

/**
 * Object in which ws frames the messages of a socket. There is no documented access between `send()` and the
 * connection; see lib/frames/frame-writer.ts for its use.
 */
export interface Sender {
  /** Connection that carries the socket. */
  _socket: Duplex
  /** 0 unless ws reads a Blob or compresses. The messages that follow wait meanwhile. */
  _state: number
  /** False while a message is being sent in fragments. */
  _firstFragment: boolean
  /** Bytes that wait here. `bufferedAmount` includes them. */
  _bufferedBytes: number
  send: (this: Sender, data: unknown, options: FrameOptions, callback?: (error?: Error) => void) => void
}

/** Returns the sender of an open socket. */
export function wsSenderOf (websocket: WebSocket): Sender {
  return (websocket as unknown as { _sender: Sender })._sender
}

/** Replaces `send` of the sender of a socket that has just opened. ws's `websocket.send()` ends with a call of it. */
export function hookSender (websocket: WebSocket, hooks: Pick<Sender, 'send'>): void {
  Object.assign(wsSenderOf(websocket), hooks)
}

/** Calls the original `send` of a sender. */
export function wsSend (
  sender: Sender, data: unknown, options: FrameOptions, callback: ((error?: Error) => void) | undefined
): void {
  Object.getPrototypeOf(sender).send.call(sender, data, options, callback)
}

/**
 * Returns true while ws reads a Blob or compresses. The messages that follow wait in a queue. `bufferedAmount` does not
 * show that queue alone: it includes the bytes in the connection.
 */
export function isQueueing (sender: Sender): boolean {
  return sender._state !== 0
}

/** Returns true while a message is being sent in fragments. No documented property shows it. */
export function isInMessage (sender: Sender): boolean {
  return !sender._firstFragment
}

/** Returns true if a frame may bypass ws: ws has no queue, and is between two messages. */
export function sendsImmediately (sender: Sender): boolean {
  return !isQueueing(sender) && sender._firstFragment
}

/** Adds bytes that wait outside of ws to `bufferedAmount`, which has no other way to include them. */
export function addBufferedBytes (sender: Sender, bytes: number): void {
  sender._bufferedBytes += bytes
}

/**
 * Returns whether an error is that of a client's handshake that took longer than `handshakeTimeout`.
 *
 * ws documents the option. Its error has no code, and differs from other errors in its message only.
 */
export function isHandshakeTimeout (error: Error): boolean {
  return error.message === 'Opening handshake has timed out'
}
