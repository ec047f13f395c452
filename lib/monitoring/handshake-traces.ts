import type { FastifyInstance } from 'fastify'
import type { HandshakeMessage } from '../../types/index.ts'
import { handshakeChannel } from '../channels.ts'
import { FST_WS_HANDSHAKE_REFUSED } from '../errors.ts'
import type { RawRequest, RefusedHandshake, Upgrade } from '../handshake/upgrade.ts'
import type { SocketRecord } from '../socket/socket-record.ts'

const { start, end, asyncStart, asyncEnd, error } = handshakeChannel

/** Traces of pending handshakes, on the tracing channel. A handshake has one only if the channel has subscribers. */
export class HandshakeTraces {
  readonly #fastify: FastifyInstance
  readonly #messages = new WeakMap<Upgrade, HandshakeMessage>()

  constructor (fastify: FastifyInstance) {
    this.#fastify = fastify
  }

  /** Calls a function that passes a handshake on, between `start` and `end`. */
  start (rawRequest: RawRequest, upgrade: Upgrade, passOn: () => void): void {
    if (!hasSubscribers()) return passOn()

    const message: HandshakeMessage = {
      rawRequest,
      httpVersion: upgrade.httpVersion,
      request: undefined,
      route: undefined,
      socket: undefined,
      status: undefined,
      cause: undefined,
      fastify: this.#fastify,
      error: undefined
    }
    this.#messages.set(upgrade, message)
    start.runStores(message, () => {
      try {
        passOn()
      } finally {
        end.publish(message)
      }
    })
  }

  /** Ends the trace of a handshake that opened a socket. */
  open (upgrade: Upgrade, { socket, request, route }: SocketRecord): void {
    const message = this.#messages.get(upgrade)
    if (message === undefined) return
    Object.assign(message, { socket, request, route })
    this.#finish(upgrade, message)
  }

  /** Ends the trace of a handshake that opened no socket. */
  refuse ({ upgrade, request, status, cause }: RefusedHandshake): void {
    const message = upgrade && this.#messages.get(upgrade)
    if (message === undefined) return
    const route = request?.routeOptions.url
    const failure = new FST_WS_HANDSHAKE_REFUSED(cause, status === undefined ? 'no response' : `status ${status}`)
    Object.assign(message, { request, route, status, cause, error: failure })
    error.publish(message)
    this.#finish(upgrade!, message)
  }

  #finish (upgrade: Upgrade, message: HandshakeMessage): void {
    this.#messages.delete(upgrade)
    asyncStart.publish(message)
    asyncEnd.publish(message)
  }
}

function hasSubscribers (): boolean {
  return start.hasSubscribers || end.hasSubscribers || asyncStart.hasSubscribers || asyncEnd.hasSubscribers ||
    error.hasSubscribers
}
