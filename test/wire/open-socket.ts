import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { addEcho } from '../helpers/echo.ts'
import type { FrameClient, OpenOptions } from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import type { ServerOptions, TestServer } from '../helpers/test-server.ts'

export interface Opened {
  server: TestServer
  client: FrameClient
  socket: WebSocket
}

/** Starts a server, and opens a socket on stream 1. */
export async function openSocket (
  t: Test, serverOptions: ServerOptions = {}, openOptions: OpenOptions = {}
): Promise<Opened> {
  const server = await startServer(t, addEcho, serverOptions)
  const client = await server.client(openOptions)
  client.connect(1, '/echo')
  await client.response(1)
  return { server, client, socket: server.sockets[0]! }
}

/**
 * Waits until every stream and socket is closed. Returns the frames that were received on stream 1, and the events of
 * the first socket.
 */
export async function closing (
  { server, client }: Pick<Opened, 'server' | 'client'>
): Promise<[received: string[], events: string[]]> {
  await server.socketsClosed()
  await client.roundTrip()
  return [client.wsTrace(1), server.events[0]!]
}
