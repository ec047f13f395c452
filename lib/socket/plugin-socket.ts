import type { WebSocket } from '../../types/index.ts'
import type { SendLimits } from '../options/send-limits.ts'
import type { kAttachConnection, kConfigure, kHandlerDone } from '../symbols.ts'
import type { Connection } from './connection.ts'
import type { SocketRecord } from './socket-record.ts'

/** Settings of a socket. */
export interface SocketSettings {
  sendLimits: SendLimits
  /** Reports dropped messages. Default: none. */
  log?: { warn (message: string): void }
  /** Counts the traffic, and reports the events. Default: none. */
  record?: SocketRecord
  /** Called once when the socket closes, even if its user has removed all listeners. Default: none. */
  onClose?: (socket: WebSocket) => void
  /** Emits the rejections of async listeners as 'error'. Default: as `events.captureRejections` says. */
  captureRejections?: boolean
  /** Receives rejections that no 'error' can report: of listeners for 'error', or without any. Default: unhandled. */
  onErrorRejection?: (error: unknown) => unknown
}

/** Socket of a route or of a client, with the methods that only the plugin calls. */
export interface PluginSocket extends WebSocket {
  /** Attaches the connection of an open socket. */
  [kAttachConnection] (connection: Connection): void
  /** Sets the limits and the log. Default: no limits. */
  [kConfigure] (settings: SocketSettings): void
  /** Called when the handler has returned, or its promise has settled. */
  [kHandlerDone] (): void
}
