import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import type { WebsocketPluginOptions } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import type { SessionConnectOptions, WebSocket } from '../../lib/client/index.ts'
import { createCertificate } from './certificate.js'
import { captureLogs } from './logs.ts'
import type { LogLine } from './logs.ts'

/** An HTTP version, and the kind of connection below it. */
export interface Transport {
  name: string
  httpVersion: '1.1' | '2.0'
  secure: boolean
  /** Options of Fastify that serve it. */
  server: object
}

export type ConnectOptions = Omit<SessionConnectOptions, 'path'>

/** A Fastify server with the plugin, and clients that connect to it over one transport. */
export interface Fixture {
  app: FastifyInstance
  origin: string
  logs: LogLine[]
  /** The session of all clients, over HTTP/2. The first access opens it. */
  session: ClientHttp2Session | undefined
  /** Starts a handshake. */
  connect (path: string, options?: ConnectOptions): WebSocket
  /** Starts a handshake, and waits for 'open'. */
  open (path: string, options?: ConnectOptions): Promise<WebSocket>
  /** Starts a handshake, and waits for its refusal. */
  refused (path: string, options?: ConnectOptions): Promise<Refusal>
}

export interface Refusal {
  status: number
  headers: Record<string, string | string[] | undefined>
}

export const certificate = await createCertificate()

export const H1: Transport = { name: 'HTTP/1.1', httpVersion: '1.1', secure: false, server: {} }
export const H1_TLS: Transport = {
  name: 'HTTP/1.1 over TLS', httpVersion: '1.1', secure: true, server: { https: certificate }
}
export const H1_BESIDE_H2: Transport = {
  name: 'HTTP/1.1 on an HTTP/2 server',
  httpVersion: '1.1',
  secure: true,
  server: { http2: true, https: { ...certificate, allowHTTP1: true } }
}
export const H2C: Transport = {
  name: 'HTTP/2 without TLS', httpVersion: '2.0', secure: false, server: { http2: true }
}
export const H2_TLS: Transport = {
  name: 'HTTP/2 over TLS', httpVersion: '2.0', secure: true, server: { http2: true, https: certificate }
}

/** Starts a server with the plugin for one test: see `serve()`. */
export async function start (
  t: Test, transport: Transport, routes: (app: FastifyInstance) => unknown, options: WebsocketPluginOptions = {},
  serverOptions: FastifyServerOptions = {}, level: 'debug' | 'info' = 'info'
): Promise<Fixture> {
  const { logger, logs } = captureLogs(level)
  const app: FastifyInstance = fastify({ logger, ...serverOptions, ...transport.server })
  await app.register(websocket, options)
  await routes(app)
  return await serve(t, transport, app, logs)
}

/** Makes an app listen for one test. Connections that are open when the test ends are destroyed. */
export async function serve (
  t: Test, transport: Transport, app: FastifyInstance, logs: LogLine[]
): Promise<Fixture> {
  const connections = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => connections.add(socket))
  await app.listen({ port: 0, host: '127.0.0.1' })

  const scheme = transport.secure ? 'https' : 'http'
  const origin = `${scheme}://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  let session: ClientHttp2Session | undefined
  t.teardown(async () => {
    session?.destroy()
    for (const connection of connections) connection.destroy()
    await app.close()
  })
  return { app, origin, logs, get session () { return getSession() }, connect: connectTo, open, refused }

  function getSession (): ClientHttp2Session | undefined {
    if (transport.httpVersion !== '2.0') return undefined
    session ??= openSession(origin, { rejectUnauthorized: false }).on('error', () => {})
    return session
  }

  function connectTo (path: string, options?: ConnectOptions): WebSocket {
    const shared = getSession()
    const connectOptions = { rejectUnauthorized: false, perMessageDeflate: false, ...options }
    return shared === undefined
      ? connect(origin.replace('http', 'ws') + path, { http: '1.1', ...connectOptions })
      : connect(shared, { path, ...connectOptions })
  }

  async function open (path: string, options?: ConnectOptions): Promise<WebSocket> {
    const socket = connectTo(path, options)
    await once(socket, 'open')
    return socket
  }

  async function refused (path: string, options?: ConnectOptions): Promise<Refusal> {
    const socket = connectTo(path, options)
    socket.on('error', () => {})
    const [request, response] = await once(socket, 'unexpected-response')
    request.destroy()
    return { status: response.statusCode, headers: response.headers }
  }
}

/** Adds a test with a server of its own. */
export type Scenario = (
  title: string, routes: (app: FastifyInstance) => unknown, run: (t: Test, fixture: Fixture) => Promise<unknown>,
  options?: WebsocketPluginOptions
) => void

/** Returns a function that adds tests of a transport. */
export function scenarios (transport: Transport): Scenario {
  return (title, routes, run, options) => {
    void t.test(`${transport.name}: ${title}`, async (t) => {
      await run(t, await start(t, transport, routes, options))
    })
  }
}
