import type { WebSocket, WebSocketServer } from 'ws'
import type { Connection } from '../socket/connection.ts'
import { endWhenParsed } from '../socket/delayed-end.ts'
import type { PluginSocket } from '../socket/plugin-socket.ts'
import { kAttachConnection } from '../symbols.ts'
import type { OnSocket } from './upgrade.ts'
import { allowsSynchronousEvents, readCloseTimeout } from './websocket-server.ts'

/** Attaches a connection to the socket that ws has just opened on it, and passes the socket on. */
export function completeUpgrade (
  websocket: WebSocket, connection: Connection, server: WebSocketServer, onSocket: OnSocket
): void {
  const socket = websocket as PluginSocket
  connection.destroyAfterEnd(readCloseTimeout(server))
  connection.startReading(socket, server.options)
  socket[kAttachConnection](connection)
  // A socket that compresses does so itself.
  if (socket.extensions === '' && !allowsSynchronousEvents(server)) endWhenParsed(socket, connection.duplex)
  onSocket(socket, connection)
}
