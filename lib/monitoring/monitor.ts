import type { Http2Session } from 'node:http2'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { SocketCloseMessage, WebsocketStats } from '../../types/index.ts'
import { channels } from '../channels.ts'
import type { RawRequest, RefusedHandshake, Upgrade } from '../handshake/upgrade.ts'
import type { Session, SessionObserver } from '../http2/session.ts'
import type { PluginSocket } from '../socket/plugin-socket.ts'
import { SocketRecord } from '../socket/socket-record.ts'
import type { SocketObserver } from '../socket/socket-record.ts'
import { HandshakeTraces } from './handshake-traces.ts'
import { Totals } from './totals.ts'
import type { Sources } from './totals.ts'

/**
 * Monitor of one server. It counts what happens, publishes it on the channels, and logs it: sockets at debug, refusals
 * at info.
 */
export class Monitor implements SessionObserver, SocketObserver {
  readonly #fastify: FastifyInstance
  readonly #traces: HandshakeTraces
  readonly #totals = new Totals()
  /** Records of the open sockets of all routes. */
  readonly records = new Set<SocketRecord>()
  /** Number of sockets that each session has carried. A session also has the streams of handshakes that are refused. */
  readonly #carried = new WeakMap<Http2Session, number>()

  constructor (fastify: FastifyInstance) {
    this.#fastify = fastify
    this.#traces = new HandshakeTraces(fastify)
  }

  // Handshakes

  /** Calls a function that passes a handshake on, as the synchronous part of its trace. */
  trace (rawRequest: RawRequest, upgrade: Upgrade, passOn: () => void): void {
    this.#traces.start(rawRequest, upgrade, passOn)
  }

  /** Called once for a handshake that opens no socket. */
  handshakeRefused (refused: RefusedHandshake): void {
    const { rawRequest, httpVersion, request, status, log, cause } = refused
    this.#totals.refused(cause)
    this.#traces.refuse(refused)
    const { handshakeRefused } = channels
    const route = request?.routeOptions.url
    if (handshakeRefused.hasSubscribers) {
      handshakeRefused.publish({ rawRequest, httpVersion, request, route, status, cause, fastify: this.#fastify })
    }
    if (refused.isLogged) return
    const level = cause === 'aborted' ? 'debug' : 'info'
    log[level]({ url: rawRequest.url, httpVersion, status, cause }, 'websocket handshake refused')
  }

  // Sockets

  /** Creates the record of a socket that opens. The socket informs the record. */
  createRecord (socket: PluginSocket, request: FastifyRequest, upgrade: Upgrade): SocketRecord {
    const record = new SocketRecord(socket, request, upgrade.httpVersion, this)
    this.records.add(record)
    this.#totals.socketOpened()
    const { raw } = request as { raw: RawRequest }
    const session = 'stream' in raw ? raw.stream.session : undefined
    if (session !== undefined) this.#carried.set(session, (this.#carried.get(session) ?? 0) + 1)
    return record
  }

  /** Called when a socket is open and has its record: subscribers may already send on it, or close it. */
  socketOpened (record: SocketRecord, upgrade: Upgrade): void {
    this.#traces.open(upgrade, record)
    if (channels.socketOpen.hasSubscribers) channels.socketOpen.publish(record.identity)
    const { socket: { protocol, extensions }, request, route, httpVersion } = record
    request.log.debug({ route, httpVersion, protocol, extensions }, 'websocket opened')
  }

  socketUnresponsive (record: SocketRecord): void {
    this.#totals.unresponsive++
    if (channels.unresponsive.hasSubscribers) channels.unresponsive.publish(record.identity)
    const { request, route, httpVersion } = record
    request.log.info({ route, httpVersion }, 'websocket client is unresponsive: socket terminated')
  }

  slowConsumer (action: 'close' | 'drop'): void {
    this.#totals.slowConsumer(action)
  }

  socketClosed (record: SocketRecord, message: SocketCloseMessage): void {
    this.records.delete(record)
    this.#totals.socketClosed(message)
    channels.socketClose.publish(message)
    const { socket: _socket, request, ...fields } = message
    request.log.debug(fields, 'websocket closed')
  }

  // Sessions

  sessionOpened ({ session }: Session): void {
    this.#totals.sessions++
    if (channels.sessionOpen.hasSubscribers) channels.sessionOpen.publish({ session, fastify: this.#fastify })
  }

  sessionClosed ({ session, openedAt }: Session): void {
    if (!channels.sessionClose.hasSubscribers) return
    const duration = performance.now() - openedAt
    const sockets = this.#carried.get(session) ?? 0
    channels.sessionClose.publish({ session, fastify: this.#fastify, duration, sockets })
  }

  receiveWindowChanged ({ session }: Session, size: number, previous: number): void {
    if (!channels.receiveWindow.hasSubscribers) return
    channels.receiveWindow.publish({ session, fastify: this.#fastify, size, previous })
  }

  /** Returns the result of `app.websocketServer.stats()`. */
  stats (sources: Sources): WebsocketStats {
    return this.#totals.summarize(this.records, sources)
  }
}
