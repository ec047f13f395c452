import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import type { FrameClient } from './h2-frames.ts'
import { wsText } from './ws-frames.ts'

/** Sends back every message of a socket, text as text and bytes as bytes. */
export function echo (socket: WebSocket): void {
  socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
}

/** Adds the websocket route /echo. */
export function addEcho (app: FastifyInstance): void {
  app.get('/echo', { websocket: true }, echo)
}

/** Opens a socket on a stream, and waits for the echo of a message: the server works. */
export async function openEcho (client: FrameClient, streamId: number): Promise<void> {
  client.connect(streamId, '/echo')
  await expectEcho(client, streamId)
}

/** Sends a message on an open stream, and waits for its echo. */
export async function expectEcho (client: FrameClient, streamId: number, text = 'still here'): Promise<void> {
  client.data(streamId, wsText(text))
  await client.untilReceived(streamId, `Text ${text}`)
}
