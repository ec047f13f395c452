import type { WebSocket, WebSocketServer } from 'ws'
import type { WriteCallback } from './streams.ts'

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
  _write: (this: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback) => void
  emit: (this: Receiver, event: string, first?: unknown, second?: unknown) => boolean
}

/** Returns the receiver of an open socket. */
export function wsReceiverOf (websocket: WebSocket): Receiver {
  return (websocket as unknown as { _receiver: Receiver })._receiver
}

/** Replaces methods of the receiver of a socket that has just opened, and has parsed nothing yet. */
export function hookReceiver (websocket: WebSocket, hooks: Pick<Receiver, '_write' | 'emit'>): void {
  Object.assign(wsReceiverOf(websocket), hooks)
}

/** Calls the original `_write` of a receiver. */
export function wsWrite (receiver: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback): void {
  Object.getPrototypeOf(receiver)._write.call(receiver, chunk, encoding, done)
}

/** Calls the original `emit` of a receiver. */
export function wsEmit (receiver: Receiver, event: string, first?: unknown, second?: unknown): boolean {
  return Object.getPrototypeOf(receiver).emit.call(receiver, event, first, second)
}

/** Returns true after a protocol error of the peer, which ws emits a tick later. */
export function hasReceiverFailed (websocket: WebSocket): boolean {
  return wsReceiverOf(websocket)._errored !== false
}

/**
 * Returns true if the peer's Close frame was received. ws then calls `close()` itself, and emits 'close' when the
 * connection has ended. No documented property shows which side has closed first.
 */
export function hasReceivedClose (websocket: WebSocket): boolean {
  return (websocket as unknown as { _closeFrameReceived: boolean })._closeFrameReceived
}

/**
 * Returns true if ws passes messages to the connection immediately. While it reads a Blob or compresses, the messages
 * that follow wait in a queue, and data that bypasses ws must not overtake them. `bufferedAmount` does not show that
 * queue alone: it includes the bytes in the connection.
 */
export function sendsImmediately (websocket: WebSocket): boolean {
  return (websocket as unknown as { _sender: { _state: number } })._sender._state === 0
}
