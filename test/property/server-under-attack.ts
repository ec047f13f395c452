import assert from 'node:assert/strict'
import type { Test } from 'tap'
import { addEcho, openEcho } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import { KIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { waitUntil } from './property.ts'
import { SharedSession } from './shared-session.ts'

/** Whether a server may send or report this code (RFC 6455 section 7.4.1). */
export function isCloseCode (code: number): boolean {
  return (code >= 3000 && code < 5000) || (code >= 1000 && code <= 1014 && code !== 1004)
}

/** A server that malformed requests are sent to, and a well-behaved client that checks it. */
export class ServerUnderAttack {
  readonly server: TestServer
  readonly #session: SharedSession

  /** The current sessions and streams, to distinguish them from later ones. */
  get others (): ReadonlySet<unknown> {
    return new Set<unknown>([...this.server.sessions, ...this.server.streams])
  }

  static async start (t: Test, server: object = {}): Promise<ServerUnderAttack> {
    const plugin = { options: { maxPayload: 64 * KIB }, errorHandler: () => {} }
    return new ServerUnderAttack(await startServer(t, addEcho, { plugin, server }))
  }

  private constructor (server: TestServer) {
    this.server = server
    this.#session = new SharedSession(() => server.client())
  }

  /**
   * Waits until every socket after the first `opened` is closed, and every stream except `others`. Checks that each of
   * these sockets was closed once with a valid code, and that no error was logged.
   */
  async check (opened: number, others: ReadonlySet<unknown> = new Set()): Promise<void> {
    const { app, streams, sockets, events, warnings } = this.server
    const { clients } = app.websocketServer
    await waitUntil(() => sockets.slice(opened).every((socket) => !clients.has(socket as never)), 'no socket is left')
    await waitUntil(() => [...streams].every((stream) => others.has(stream)), 'no stream is left')
    assert.deepEqual(errorsIn(warnings), [])
    for (const own of events.slice(opened)) {
      assert.equal(own.filter((event) => event.startsWith('close')).length, 1)
      assert.ok(isCloseCode(Number(own.at(-1)!.split(' ')[1])), own.at(-1))
    }
  }

  /** Checks that a socket of another client still opens and echoes. */
  async checkEcho (): Promise<void> {
    const client = await this.#session.client()
    const streamId = this.#session.nextStreamId()
    await openEcho(client, streamId)
    client.rst(streamId)
    const socket = this.server.sockets.at(-1)!
    await waitUntil(() => socket.readyState === socket.CLOSED, 'the socket is closed')
  }
}
