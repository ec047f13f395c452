import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { addEcho, openEcho, serve } from '../wire/server.ts'
import type { Wire } from '../wire/server.ts'
import { until } from './runs.ts'

const ERROR_LEVEL = 50
const STREAMS_OF_A_WITNESS = 50

/** RFC 6455 section 7.4.1: what the server may tell of a client's Close, or of one that broke the protocol. */
export function isCloseCode (code: number): boolean {
  return (code >= 3000 && code < 5000) || (code >= 1000 && code <= 1014 && code !== 1004)
}

/** A server for clients that mean no good, and one that means well. */
export class Target {
  readonly wire: Wire
  #witness: FrameClient | undefined
  #streamId = 1

  /** The sessions and streams that there are, to tell them from those to come. */
  get others (): ReadonlySet<unknown> {
    return new Set<unknown>([...this.wire.sessions, ...this.wire.streams])
  }

  static async start (t: Test, server: object = {}): Promise<Target> {
    const routes = (app: FastifyInstance): void => { addEcho(app) }
    const plugin = { options: { maxPayload: 65536 }, errorHandler: () => {} }
    return new Target(await serve(t, routes, { plugin, server }))
  }

  private constructor (wire: Wire) {
    this.wire = wire
  }

  /** Waits until nothing is left of what came after `opened` sockets, and holds it against what may happen. */
  async check (opened: number, others: ReadonlySet<unknown> = new Set()): Promise<void> {
    const { app, streams, sockets, events, warnings } = this.wire
    const { clients } = app.websocketServer
    await until(() => sockets.slice(opened).every((socket) => !clients.has(socket as never)), 'no socket is left')
    await until(() => [...streams].every((stream) => others.has(stream)), 'no stream is left')
    assert.deepEqual(warnings.filter(({ level }) => level >= ERROR_LEVEL), [])
    for (const log of events.slice(opened)) {
      assert.equal(log.filter((event) => event.startsWith('close')).length, 1)
      assert.ok(isCloseCode(Number(log.at(-1)!.split(' ')[1])), log.at(-1))
    }
  }

  /** An ordinary socket over HTTP/2 says something, and hears it. */
  async checkEcho (): Promise<void> {
    if (this.#witness === undefined || this.#streamId > 2 * STREAMS_OF_A_WITNESS) {
      this.#witness?.destroy()
      this.#witness = await this.wire.client()
      this.#streamId = 1
    }
    const id = this.#streamId
    this.#streamId += 2
    await openEcho(this.#witness, id)
    this.#witness.rst(id)
    const socket = this.wire.sockets.at(-1)!
    await until(() => socket.readyState === socket.CLOSED, 'the socket has gone')
  }
}
