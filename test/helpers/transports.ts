import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { Writable } from 'node:stream'
import fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { generate } from 'selfsigned'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import type { WebsocketPluginOptions } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import type { SessionConnectOptions, WebSocket } from '../../lib/client/index.ts'

/** A way for client and server to meet. */
export interface Transport {
  name: string
  httpVersion: '1.1' | '2.0'
  secure: boolean
  /** Options that make Fastify serve it. */
  server: object
}

export type Open = Omit<SessionConnectOptions, 'path'>

export interface LogLine {
  level: number
  msg: string
  err?: { message: string, code?: string }
}

/** A Fastify server with the plugin, and clients that reach it over one transport. */
export interface Fixture {
  app: FastifyInstance
  origin: string
  logs: LogLine[]
  /** What all clients share over HTTP/2, from the first time that it is asked for. */
  session: ClientHttp2Session | undefined
  /** Starts a handshake. */
  connect (path: string, options?: Open): WebSocket
  /** Finishes a handshake. */
  open (path: string, options?: Open): Promise<WebSocket>
  /** Finishes a handshake that is refused. */
  refused (path: string, options?: Open): Promise<Refused>
}

export interface Refused {
  status: number
  headers: Record<string, string | string[] | undefined>
}

export interface Closed {
  code: number
  reason: string
}

const pems = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
export const certificate = { key: pems.private, cert: pems.cert }

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

/** Starts a server for one test; what is still open when the test ends is closed by force. */
export async function start (
  t: Test, transport: Transport, routes: (app: FastifyInstance) => unknown, options: WebsocketPluginOptions = {},
  serverOptions: FastifyServerOptions = {}
): Promise<Fixture> {
  const logs: LogLine[] = []
  const stream = new Writable({
    write (line, _encoding, done) { logs.push(JSON.parse(String(line))); done() }
  })
  const app: FastifyInstance = fastify({ logger: { level: 'info', stream }, ...serverOptions, ...transport.server })
  await app.register(websocket, options)
  await routes(app)
  const connections = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => connections.add(socket))
  await app.listen({ port: 0, host: '127.0.0.1' })

  const scheme = transport.secure ? 'https' : 'http'
  const origin = `${scheme}://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  let opened: ClientHttp2Session | undefined
  t.teardown(async () => {
    opened?.destroy()
    for (const connection of connections) connection.destroy()
    await app.close()
  })
  return { app, origin, logs, get session () { return getSession() }, connect: connectTo, open, refused }

  function getSession (): ClientHttp2Session | undefined {
    if (transport.httpVersion !== '2.0') return undefined
    opened ??= openSession(origin, { rejectUnauthorized: false }).on('error', () => {})
    return opened
  }

  function connectTo (path: string, options?: Open): WebSocket {
    const session = getSession()
    const given = { rejectUnauthorized: false, perMessageDeflate: false, ...options }
    return session === undefined
      ? connect(origin.replace('http', 'ws') + path, { http: '1.1', ...given })
      : connect(session, { path, ...given })
  }

  async function open (path: string, options?: Open): Promise<WebSocket> {
    const socket = connectTo(path, options)
    await once(socket, 'open')
    return socket
  }

  async function refused (path: string, options?: Open): Promise<Refused> {
    const socket = connectTo(path, options)
    socket.on('error', () => {})
    const [request, response] = await once(socket, 'unexpected-response')
    request.destroy()
    return { status: response.statusCode, headers: response.headers }
  }
}

/** One thing that is to hold on a transport. */
export type Sentence = (
  name: string, routes: (app: FastifyInstance) => unknown, run: (t: Test, fixture: Fixture) => Promise<unknown>,
  options?: WebsocketPluginOptions
) => void

/** Makes what turns sentences into tests, each with a server of its own. */
export function sentences (transport: Transport): Sentence {
  return (name, routes, run, options) => {
    void t.test(`${transport.name}: ${name}`, async (t) => {
      await run(t, await start(t, transport, routes, options))
    })
  }
}

/** A route that sends back what it gets. */
export function addEcho (app: FastifyInstance): void {
  app.get('/echo', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
}

export async function closed (socket: WebSocket): Promise<Closed> {
  socket.on('error', () => {})
  const [code, reason] = await once(socket, 'close')
  return { code, reason: String(reason) }
}

export async function message (socket: WebSocket): Promise<{ data: Buffer, isBinary: boolean }> {
  const [data, isBinary] = await once(socket, 'message')
  return { data, isBinary }
}

export async function text (socket: WebSocket): Promise<string> {
  return String((await message(socket)).data)
}
