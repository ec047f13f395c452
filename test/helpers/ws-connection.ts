import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** Returns the connection or stream below a socket, which is a private field of ws. */
export function connectionOf (socket: WebSocket): Duplex {
  return (socket as unknown as { _socket: Duplex })._socket
}

/** Pauses a client as soon as it is open, before it reads a message. */
export function pauseWhenOpen (client: WebSocket): void {
  client.on('upgrade', () => process.nextTick(() => client.pause()))
}
