import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import websocket from '../../index.ts'
import type { WebsocketPluginOptions } from '../../index.ts'
import { createCertificate } from './certificate.js'
import { FrameClient } from './h2-frames.ts'
import type { OpenOptions } from './h2-frames.ts'
import { captureLogs } from './logs.ts'
import type { LogLine } from './logs.ts'
import { allClosed } from './waiting.ts'

export interface ServerOptions {
  plugin?: WebsocketPluginOptions
  /** Options of Fastify. */
  server?: object
  host?: string
  tls?: boolean
}

/** A server with the plugin, a record of its sessions, streams and sockets, and clients that send single frames. */
export interface TestServer {
  app: FastifyInstance
  port: number
  /** Lines that were logged at warn or above. */
  warnings: LogLine[]
  sessions: Set<ServerHttp2Session>
  streams: Set<ServerHttp2Stream>
  /** Sockets in the order in which they were opened. */
  sockets: WebSocket[]
  /** The events of each of these sockets: "error WS_ERR_INVALID_UTF8", "close 1007". */
  events: string[][]
  client (options?: OpenOptions): Promise<FrameClient>
  /** Waits until no stream and no socket is left. */
  socketsClosed (): Promise<void>
  /** Waits until no stream, socket or session is left. */
  sessionsClosed (): Promise<void>
}

/** Starts an HTTP/2 server for one test. Clients and sessions that are open when the test ends are destroyed. */
export async function startServer (
  t: Test, routes: (app: FastifyInstance) => unknown = () => {}, options: ServerOptions = {}
): Promise<TestServer> {
  const { plugin = {}, server = {}, host = '127.0.0.1', tls = false } = options
  const clients: FrameClient[] = []
  const { logger, logs: warnings } = captureLogs('warn')
  const app: FastifyInstance = fastify({
    http2: true, ...(tls ? { https: await createCertificate() } : {}), logger, ...server
  } as object)
  await app.register(websocket, plugin)
  await routes(app)

  const testServer: TestServer = {
    app,
    port: 0,
    warnings,
    sessions: new Set(),
    streams: new Set(),
    sockets: [],
    events: [],
    client,
    socketsClosed,
    sessionsClosed
  }
  record(testServer)
  await app.listen({ port: 0, host })
  testServer.port = (app.server.address() as AddressInfo).port
  t.teardown(async () => {
    for (const each of clients) each.destroy()
    for (const each of testServer.sessions) each.destroy()
    await app.close()
  })
  return testServer

  async function client (openOptions: OpenOptions = {}): Promise<FrameClient> {
    const opened = await FrameClient.open(testServer.port, { tls, ...openOptions })
    clients.push(opened)
    return opened
  }

  async function socketsClosed (): Promise<void> {
    await allClosed([...testServer.streams, ...app.websocketServer.clients])
  }

  async function sessionsClosed (): Promise<void> {
    await allClosed([...testServer.streams, ...app.websocketServer.clients, ...testServer.sessions])
  }
}

function record ({ app, sessions, streams, sockets, events }: TestServer): void {
  const server = app.server as unknown as Http2Server
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  server.on('stream', (stream) => {
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
  })
  app.websocketServer.on('connection', (socket) => {
    const own: string[] = []
    sockets.push(socket)
    events.push(own)
    socket.on('error', (error: Error & { code?: string }) => own.push(`error ${error.code}`))
    socket.on('close', (code, reason) => own.push(`close ${code} ${reason}`.trimEnd()))
  })
}
