import type { Http2Server, Http2Session, Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { clearSessionTimeout, onSession, readServerOptions } from '../internals/http2.ts'
import { completeSizes } from '../options/receive-window.ts'
import { Session, closeSession } from './session.ts'
import type { SessionOptions } from './session.ts'
import { SessionAge } from './session-age.ts'

/** Time, in ms, for the answer to a PING of a session that has timed out. */
const PING_TIMEOUT = 5000

/** HTTP/2 sessions of a server or client. */
export class Sessions {
  readonly #options: SessionOptions
  readonly #open = new Map<Http2Session, Session>()
  #isClosing = false
  #isTracking = false

  constructor (options: SessionOptions) {
    this.#options = options
  }

  /** The open sessions. */
  get open (): Iterable<Session> {
    return this.#open.values()
  }

  /** Registers the sessions of a server, and their streams. Returns a function that stops it. */
  track (server: Http2Server): () => void {
    const initial = readServerOptions(server).settings?.initialWindowSize
    this.#isTracking = true
    const stop = onSession(server, (session, connection) => this.#add(session, connection, initial))
    return () => {
      stop()
      this.#isTracking = false
      for (const session of this.#open.keys()) session.off('stream', this.#onStream)
    }
  }

  readonly #onStream = (stream: Http2Stream): void => {
    if (!stream.endAfterHeaders) this.forStream(stream)?.addStream(stream)
  }

  /** Registers the session of a client, and the connection that carries it. */
  add (session: Http2Session, connection: Duplex): Session {
    return this.#add(session, connection)
  }

  /** Returns the session of a stream, and registers it if needed; undefined if another listener has ended it. */
  forStream ({ session }: Http2Stream): Session | undefined {
    return session === undefined ? undefined : this.#open.get(session) ?? this.#add(session)
  }

  /**
   * Sends GOAWAY on each session once it has no socket: some clients drop all sockets of a session that receives one.
   */
  drain (): void {
    for (const session of this.#open.values()) session.drain()
  }

  /** Sends GOAWAY on every session that is open now. Open sockets stay. */
  retire (): void {
    for (const session of this.#open.values()) session.retire()
  }

  /** Sends GOAWAY on every session, which before Node 24 `server.close()` does not. Each ends with its last stream. */
  close (): void {
    this.#isClosing = true
    for (const session of this.#open.keys()) session.close()
  }

  /** Destroys every session, with its streams. */
  destroy (): void {
    for (const session of this.#open.keys()) session.destroy()
  }

  #add (session: Http2Session, transport?: Duplex, initial = session.localSettings.initialWindowSize): Session {
    const sizes = completeSizes({ ...this.#options.receiveWindow, initial })
    const added = new Session(session, transport, sizes, this.#options)
    this.#open.set(session, added)
    const { age, observer, timeout } = this.#options
    observer?.sessionOpened(added)
    // Not of the server: with a listener there, dd-trace takes each stream for a request that lasts as long.
    if (this.#isTracking) session.prependListener('stream', this.#onStream)
    const running = age && new SessionAge(added, age)
    // Before Node 26 a client that left during a write over TLS may not be noticed (nodejs/node#55804).
    if (timeout !== undefined) session.on('timeout', () => added.destroyIfUnresponsive(PING_TIMEOUT))
    session.once('close', () => {
      running?.stop()
      this.#open.delete(session)
      observer?.sessionClosed(added)
      clearSessionTimeout(session)
    })
    // A TLS handshake may end after the server has been closed.
    if (this.#isClosing) setImmediate(closeSession, session)
    return added
  }
}
