import type { WebSocket, WebSocketServer } from 'ws'
import type { WriteCallback } from './streams.ts'

/**
 * A ws server with options of its own, which has everything else in common: its clients, its listeners, its end.
 *
 * ws reads what holds for a socket from `server.options` while it negotiates. The documented way, a second server,
 * would have clients of its own: the first would not count them, and not wait for them when it closes.
 */
export function overrideOptions (server: WebSocketServer, options: WebSocketServer['options']): WebSocketServer {
  return new Proxy(server, {
    get: (target, name) => name === 'options' ? options : Reflect.get(target, name)
  })
}

/**
 * The Writable in which ws parses frames, and which emits what they contain. There is no documented way between a
 * connection and its receiver, nor between a receiver and its socket; lib/receiver.ts says what that is needed for.
 */
export interface Receiver {
  /** Set when ws finds an error in what the peer sent. It emits the error a tick later. */
  _errored: boolean
  _write: (this: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback) => void
  emit: (this: Receiver, event: string, first?: unknown, second?: unknown) => boolean
}

/** Returns the receiver of a socket, which has one once it is open. */
export function wsReceiverOf (websocket: WebSocket): Receiver {
  return (websocket as unknown as { _receiver: Receiver })._receiver
}

/** Returns whether ws has found an error in what a peer sent: it emits the error a tick later. */
export function hasReceiverFailed (websocket: WebSocket): boolean {
  return wsReceiverOf(websocket)._errored !== false
}

/**
 * Whether ws writes at once what it is to send: while it reads a Blob, all that comes after that waits in a queue. What
 * goes past ws may not overtake it. `bufferedAmount` does not tell: it counts what the connection has too.
 */
export function sendsImmediately (websocket: WebSocket): boolean {
  return (websocket as unknown as { _sender: { _state: number } })._sender._state === 0
}
