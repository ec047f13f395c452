/**
 * Lets code of the documentation run as it is, with the ports and hosts that it names: a server that listens on one of
 * these ports receives a free one, and a client that connects to it reaches that server. No connection leaves this
 * machine. A program of the documentation is started with this file (`node --import`), and reports what it serves to
 * the process of the test.
 */
import { channel } from 'node:diagnostics_channel'
import { Server, Socket } from 'node:net'
import type { AddressInfo, TcpNetConnectOpts } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'

/** A Fastify instance, and the URLs of its websocket routes. */
interface App {
  app: FastifyInstance
  urls: string[]
}

/** What a program reports when it listens. */
export interface Listening {
  port: number
  secure: boolean
  http2: boolean
  urls: string[]
}

/** The port that stands for a port of the documentation. */
export const ports = new Map<number, number>(JSON.parse(process.env.DOCS_PORTS ?? '[]'))

/** The Fastify instances that were made since the list was emptied. */
export const apps: App[] = []

/** The connections that were opened since the list was emptied. */
export const connections: Socket[] = []

const isProgram = process.env.DOCS_PORTS !== undefined
const { listen } = Server.prototype
const { connect } = Socket.prototype

channel('fastify.initialization').subscribe((message) => {
  const { fastify: app } = message as { fastify: FastifyInstance }
  const urls: string[] = []
  apps.push({ app, urls })
  app.addHook('onRoute', ({ method, url, websocket, wsHandler }) => {
    if ((websocket || wsHandler !== undefined) && [method].flat().includes('GET')) urls.push(url)
  })
  // Not before: Fastify opens a second server for 'localhost', and throws a TypeError if it is closed meanwhile.
  if (isProgram) app.addHook('onListen', async () => { process.send!(describe(app.server)) })
})

Server.prototype.listen = function (this: Server, first: unknown, ...rest: unknown[]): Server {
  const options = typeof first === 'object' && first !== null ? first as { port?: number } : { port: Number(first) }
  const port = Number(options.port)
  if (!(port > 0) || [...ports.values()].includes(port)) return Reflect.apply(listen, this, [first, ...rest])
  this.once('listening', () => {
    ports.set(port, (this.address() as AddressInfo).port)
    if (isProgram && apps.every(({ app }) => app.server !== this)) process.send!(describe(this))
  })
  return Reflect.apply(listen, this, [{ ...options, port: 0 }, ...rest])
}

Socket.prototype.connect = function (this: Socket, ...parameters: unknown[]): Socket {
  // node:net passes a list of its own on.
  const list: unknown[] = Array.isArray(parameters[0]) ? parameters[0] : parameters
  const [options] = list as [TcpNetConnectOpts | undefined]
  if (typeof options !== 'object' || options.port === undefined) return Reflect.apply(connect, this, parameters)
  const port = ports.get(Number(options.port))
  if (port !== undefined) list[0] = { ...options, port, host: 'localhost' }
  else if (!isLocal(options.host)) throw new Error(`the documentation connects to ${options.host}:${options.port}`)
  connections.push(this)
  return Reflect.apply(connect, this, parameters)
}

function describe (server: Server): Listening {
  return {
    port: (server.address() as AddressInfo).port,
    secure: server instanceof TlsServer,
    http2: 'updateSettings' in server,
    urls: apps.flatMap(({ urls }) => urls)
  }
}

function isLocal (host: string | undefined): boolean {
  return host === undefined || ['localhost', '127.0.0.1', '::1'].includes(host)
}
