import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { RawData } from 'ws'
import type { WebSocket } from './socket.ts'

/** Value of the option `reconnect` of `connect()`: limits and delays of the attempts to connect again. */
export interface ReconnectOptions {
  /**
   * Attempts in a row that may fail. After them the socket ends with `'error'`, if the last attempt had one, and
   * `'close'`. Default: Infinity.
   */
  retries?: number | undefined
  /** Delay, in ms, before the first attempt. It doubles with each attempt that fails. Default: 1000. */
  minDelay?: number | undefined
  /** Longest delay in ms, unless the server requests a longer one with Retry-After. Default: 30000. */
  maxDelay?: number | undefined
  /** Fraction of a delay that is random, from 0 to 1: with 0.5, 1000 ms are 500 to 1000. Default: 0.5. */
  jitter?: number | undefined
}

/** Description of a connection that ended, and of the attempt that follows. Argument of `'reconnecting'`. */
export interface Reconnecting {
  /** Number of the attempt. It restarts at 1 after a connection that was open for longer than the delay before it. */
  attempt: number
  /** Time in ms until the attempt starts. */
  delay: number
  /** Close code of the connection that ended. 1006 if it was lost, or never opened. See RFC 6455 section 7.4.1. */
  code: number
  /** Reason in the Close frame of the server. Empty if it gave none. */
  reason: string
  /** Error of a connection that never opened, such as ECONNREFUSED or FST_WS_UNEXPECTED_RESPONSE. */
  error: Error | undefined
}

/** Events of a ReconnectingWebSocket, with their arguments. */
export interface ReconnectingWebSocketEvents {
  /** The first connection is open. */
  open: []
  /** A connection ended, and another attempt will follow. */
  reconnecting: [event: Reconnecting]
  /** A later connection is open. */
  reconnected: []
  /** A message was received. Text is a Buffer too. */
  message: [data: RawData, isBinary: boolean]
  /** A ping was received. Unless `autoPong` is false, it is answered. */
  ping: [data: Buffer]
  /** A ping of `ping()`, or of `heartbeat`, was answered. */
  pong: [data: Buffer]
  /** All data that waited has been sent, or a new connection is open. */
  drain: []
  /** The server has accepted a handshake. */
  upgrade: [response: IncomingMessage]
  /** The socket ends because of this error. `'close'` follows. */
  error: [error: Error]
  /** The socket has ended, and will not connect again. */
  close: [code: number, reason: Buffer]
}

type Members =
  'CONNECTING' | 'OPEN' | 'CLOSING' | 'CLOSED' | 'binaryType' | 'bufferedAmount' | 'extensions' | 'httpVersion' |
  'isPaused' | 'protocol' | 'url' | 'writableNeedDrain' | typeof Symbol.asyncIterator

/**
 * Socket of `connect()` with the option `reconnect`: a series of connections to one URL, one at a time. Listeners,
 * loops, `pause()` and `binaryType` outlast a connection; properties such as `protocol` are those of the current one.
 *
 * Messages are sent at most once: none is stored while there is no open connection. It has no `addEventListener()`,
 * and is no instance of ws's `WebSocket`, which is one connection.
 *
 * @example
 * const socket = connect('wss://localhost:8443/feed', { ca, reconnect: true })
 * socket.on('reconnecting', ({ attempt, delay, code, error }) => console.warn({ attempt, delay, code, error }))
 * for await (const message of socket) console.log(message)
 */
export interface ReconnectingWebSocket extends
  EventEmitter<ReconnectingWebSocketEvents>, Pick<WebSocket, Members> {
  /**
   * OPEN while a connection is open, CLOSING while one is being closed, CLOSED after `'close'`, and CONNECTING at any
   * other time: during an attempt, and while it waits for one.
   */
  readonly readyState: WebSocket['readyState']

  /**
   * Sends a message over the open connection, as `send()` of ws does. If there is none, nothing is sent or thrown, and
   * the callback receives FST_WS_NOT_OPEN.
   */
  send: WebSocket['send']

  /** Sends a ping. If no connection is open, the callback receives FST_WS_NOT_OPEN. */
  ping: WebSocket['ping']

  /** Sends a pong. If no connection is open, the callback receives FST_WS_NOT_OPEN. */
  pong: WebSocket['pong']

  /**
   * Closes the connection, and ends the socket. If no connection is open, `'close'` has the code 1006. An attempt that
   * runs or waits is stopped, without an `'error'`.
   *
   * @throws TypeError of ws if a connection is open and the code is invalid
   */
  close (code?: number, reason?: string | Buffer): void

  /** Destroys the connection without a closing handshake, and ends the socket. */
  terminate (): void

  /** Pauses the socket until `resume()` is called, over any number of connections. */
  pause (): void

  /** Resumes a paused socket. */
  resume (): void
}
