import { once } from 'node:events'
import { createSecureServer, createServer } from 'node:http2'
import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { serveExtendedConnect } from '../../lib/gateway/index.ts'
import type { GatewayOptions, UpgradeHandler } from '../../types/index.ts'
import { createCertificate } from './certificate.js'
import { FrameClient } from './h2-frames.ts'
import type { OpenOptions } from './h2-frames.ts'
import { reportResetsAsNode27 } from './node-27.ts'
import { waitUntil } from './waiting.ts'

export interface StartGatewayOptions {
  tls?: boolean
  /** Streams report resets as those of Node 27 do. */
  node27?: boolean
  options?: GatewayOptions
}

/** A plain HTTP/2 server whose WebSocket handshakes a handler of HTTP/1.1 upgrades answers. */
export interface Gateway {
  server: Http2Server
  port: number
  /** Errors that `onError` was called with. */
  errors: Error[]
  /** Open streams and sessions of the server. */
  streams: Set<ServerHttp2Stream>
  sessions: Set<Http2Session>
  /** Connects a client that is disconnected at the end of the test. */
  client (options?: OpenOptions): Promise<FrameClient>
  /** Waits until the server has closed all streams. */
  streamsClosed (): Promise<void>
}

/** Starts a gateway that is closed at the end of the test. */
export async function startGateway (
  t: Test, handler: UpgradeHandler, { tls = false, node27 = false, options = {} }: StartGatewayOptions = {}
): Promise<Gateway> {
  const server = (tls ? createSecureServer(await createCertificate()) : createServer()) as Http2Server
  const [errors, streams, sessions] = [[] as Error[], new Set<ServerHttp2Stream>(), new Set<Http2Session>()]
  if (node27) reportResetsAsNode27(server)
  server.on('stream', (stream: ServerHttp2Stream) => track(streams, stream))
  server.on('session', (session: Http2Session) => track(sessions, session))
  serveExtendedConnect(server, handler, { onError: (error) => errors.push(error), ...options })
  await once(server.listen(0, '127.0.0.1'), 'listening')

  const { port } = server.address() as AddressInfo
  const clients: FrameClient[] = []
  t.teardown(() => {
    for (const client of clients) client.destroy()
    for (const session of sessions) session.destroy()
    server.close()
  })
  return {
    server,
    port,
    errors,
    streams,
    sessions,
    async client (clientOptions) {
      const client = await FrameClient.open(port, { tls, ...clientOptions })
      clients.push(client)
      return client
    },
    streamsClosed: () => waitUntil(() => streams.size === 0, 'no stream is left')
  }
}

function track <Emitter extends ServerHttp2Stream | Http2Session> (open: Set<Emitter>, emitter: Emitter): void {
  open.add(emitter)
  emitter.once('close', () => { open.delete(emitter) })
}

/** Returns the bytes of DATA that a client has received on a stream. */
export function dataOf (client: FrameClient, streamId: number): Buffer {
  const frames = client.frames.filter(({ type, streamId: id }) => type === 'DATA' && id === streamId)
  return Buffer.concat(frames.map(({ payload }) => payload))
}

/** Waits until a client has received that many bytes of DATA on a stream. */
export async function untilData (client: FrameClient, streamId: number, size: number): Promise<Buffer> {
  await client.until(() => dataOf(client, streamId).length >= size || undefined)
  return dataOf(client, streamId)
}
