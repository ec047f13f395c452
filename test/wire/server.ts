import type { EventEmitter } from 'node:events'
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { generate } from 'selfsigned'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import websocket from '../../index.ts'
import type { WebsocketPluginOptions } from '../../index.ts'
import { FrameClient, PATIENCE } from '../helpers/h2-frames.ts'
import type { OpenOptions } from '../helpers/h2-frames.ts'
import { wsText } from '../helpers/ws-frames.ts'

export interface LogLine {
  level: number
  msg: string
}

export interface ServeOptions {
  plugin?: WebsocketPluginOptions
  /** Options of Fastify. */
  server?: object
  host?: string
  tls?: boolean
}

/** A server with the plugin and a route /echo, what happened to its sockets, and clients that speak frames. */
export interface Wire {
  app: FastifyInstance
  port: number
  /** What was logged at warn or above. */
  warnings: LogLine[]
  sessions: Set<ServerHttp2Session>
  streams: Set<ServerHttp2Stream>
  /** The sockets that were opened, in order. */
  sockets: WebSocket[]
  /** What happened to each of these sockets, in words: "close 1006". */
  events: string[][]
  client (options?: OpenOptions): Promise<FrameClient>
  /** Waits until no stream and no socket is left. */
  emptied (): Promise<void>
  /** Waits until no session is left either. */
  ended (): Promise<void>
}

export async function serve (
  t: Test, routes: (app: FastifyInstance) => unknown = () => {}, options: ServeOptions = {}
): Promise<Wire> {
  const { plugin = {}, server = {}, host = '127.0.0.1', tls = false } = options
  const warnings: LogLine[] = []
  const clients: FrameClient[] = []
  const app: FastifyInstance = fastify({
    http2: true,
    ...(tls ? { https: await certificate() } : {}),
    logger: { level: 'warn', stream: { write (line: string) { warnings.push(JSON.parse(line)) } } },
    ...server
  } as object)
  await app.register(websocket, plugin)
  await routes(app)

  const wire: Wire = {
    app, port: 0, warnings, sessions: new Set(), streams: new Set(), sockets: [], events: [], client, emptied, ended
  }
  follow(wire)
  await app.listen({ port: 0, host })
  wire.port = (app.server.address() as AddressInfo).port
  t.teardown(async () => {
    for (const each of clients) each.destroy()
    for (const each of wire.sessions) each.destroy()
    await app.close()
  })
  return wire

  async function client (openOptions: OpenOptions = {}): Promise<FrameClient> {
    const opened = await FrameClient.open(wire.port, { tls, ...openOptions })
    clients.push(opened)
    return opened
  }

  async function emptied (): Promise<void> {
    await closed([...wire.streams, ...app.websocketServer.clients])
  }

  async function ended (): Promise<void> {
    await closed([...wire.streams, ...app.websocketServer.clients, ...wire.sessions])
  }
}

async function closed (emitters: EventEmitter[]): Promise<void> {
  const closing = emitters.map((each) => new Promise((resolve) => { each.once('close', resolve) }))
  await within(PATIENCE, Promise.all(closing))
  // What would happen a second time would happen by now.
  await turn()
  await turn()
}

async function within (limit: number, done: Promise<unknown>): Promise<void> {
  const ended = new AbortController()
  const late = sleep(limit, true, { signal: ended.signal }).catch(() => false)
  if (await Promise.race([done.then(() => false), late])) throw new Error(`something is still open after ${limit} ms`)
  ended.abort()
}

function follow ({ app, sessions, streams, sockets, events }: Wire): void {
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
    const log: string[] = []
    sockets.push(socket)
    events.push(log)
    socket.on('error', (error: Error & { code?: string }) => log.push(`error ${error.code}`))
    socket.on('close', (code, reason) => log.push(`close ${code} ${reason}`.trimEnd()))
  })
}

let made: Promise<{ key: string, cert: string }> | undefined

export function certificate (): Promise<{ key: string, cert: string }> {
  made ??= generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
    .then(({ private: key, cert }) => ({ key, cert }))
  return made
}

export function addEcho (app: FastifyInstance): void {
  app.get('/echo', { websocket: true }, echo)
}

/** Opens a socket and hears it echo: a server that does is well. */
export async function openEcho (client: FrameClient, streamId: number): Promise<void> {
  client.connect(streamId, '/echo')
  await hearEcho(client, streamId)
}

export async function hearEcho (client: FrameClient, streamId: number, text = 'still here'): Promise<void> {
  client.data(streamId, wsText(text))
  await client.untilSaid(streamId, `Text ${text}`)
}

export function echo (socket: WebSocket): void {
  socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
}
