import type { PublishOptions, WebSocket } from '../../types/index.ts'
import type { PreparedMessage } from '../frames/prepared-message.ts'
import type { SendLimits } from '../options/send-limits.ts'
import type { kAttachConnection, kConfigure, kDeliver, kHandlerDone, kIsSlow } from '../symbols.ts'
import type { Connection } from './connection.ts'
import type { SocketRecord } from './socket-record.ts'

/** Topics of a server, as its sockets use them. */
export interface SocketTopics {
  topicsOf (socket: PluginSocket): ReadonlySet<string>
  subscribe (socket: PluginSocket, topic: string, callback: (() => void) | undefined): void
  unsubscribe (socket: PluginSocket, topic: string): void
  publish (topic: string, data: unknown, options: PublishOptions | undefined, sender: PluginSocket): number
}

/** Settings of a socket. */
export interface SocketSettings {
  sendLimits: SendLimits
  /** Reports dropped messages. Default: none. */
  log?: { warn (message: string): void }
  /** Counts the traffic, and reports the events. Default: none. */
  record?: SocketRecord
  /** Default: none, so that the methods for topics throw. */
  topics?: SocketTopics
  /** Called once when the socket closes, even if its user has removed all listeners. Default: none. */
  onClose?: (socket: PluginSocket) => void
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
  /** True while `slowConsumer` decides about each message. */
  readonly [kIsSlow]: boolean
  /** Sends a published message. Returns false if the socket is not open, or if `slowConsumer` decides against it. */
  [kDeliver] (message: PreparedMessage): boolean
}
