import type { ClientRequest } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { types } from 'node:util'
import type { Session } from '../http2/session.ts'
import { isObject } from '../options/validate.ts'
import { createLossError } from './extended-connect.ts'
import { closeSession, connectTo, connectTransport, openStream, originOf, toTransport } from './transport.ts'
import type { Connected, HandshakeTransport, Target } from './transport.ts'

/** Time, in ms, for which a session without a socket stays open: that of Node's servers for an idle connection. */
const IDLE_TIMEOUT = 5000

/** Time, in ms, for the answer to a PING of a session on which a handshake was not answered in time. */
const PING_TIMEOUT = 5000

/** HTTP/2 sessions that sockets share, by origin and options of the connection. */
export class SharedSessions {
  readonly #pools = new Map<string, Pool[]>()

  /**
   * Returns a transport for one handshake: a stream of a session that others use, or that is opened for it. Over
   * HTTP/1.1 it is a connection of its own.
   *
   * @param options those that a connection depends on, apart from the origin
   * @param signal stops waiting for a connection; an attempt that nobody else waits for is aborted
   */
  async find (target: Target, options: Record<string, unknown>, signal: AbortSignal): Promise<HandshakeTransport> {
    signal.throwIfAborted()
    const key = `${target.options.socketPath ?? ''} ${originOf(target)}`
    const pools = this.#pools.get(key) ?? []
    let pool = pools.find((pool) => isSame(pool.options, options))
    if (pool === undefined) {
      pool = new Pool(options, () => this.#remove(key, pool!))
      this.#pools.set(key, [...pools, pool])
    }
    return await pool.find(target, signal)
  }

  #remove (key: string, pool: Pool): void {
    const others = this.#pools.get(key)!.filter((each) => each !== pool)
    if (others.length > 0) this.#pools.set(key, others)
    else this.#pools.delete(key)
  }
}

/** Sessions that were opened with the same options. */
class Pool {
  readonly options: Record<string, unknown>
  readonly #onEmpty: () => void
  readonly #sessions = new Set<SharedSession>()
  #attempt: Attempt | undefined

  constructor (options: Record<string, unknown>, onEmpty: () => void) {
    this.options = options
    this.#onEmpty = onEmpty
  }

  async find (target: Target, signal: AbortSignal): Promise<HandshakeTransport> {
    for (;;) {
      for (const session of this.#sessions) if (session.hasRoom) return session.addSocket()
      const attempt = this.#attempt ??= new Attempt(target, (attempt, connected) => this.#onEnd(attempt, connected))
      const { connection, session } = await attempt.wait(signal)
      // Over HTTP/1.1 the connection is for one of those that waited for it.
      if (session === undefined) {
        return attempt.claim() ? toTransport(connection) : await connectTransport({ ...target, only: '1.1' }, signal)
      }
      // It may have been closed with its first frames. Another attempt could end in the same way.
      if (session.closed || session.destroyed) throw createLossError()
    }
  }

  #onEnd (attempt: Attempt, connected: Connected | undefined): void {
    if (this.#attempt === attempt) this.#attempt = undefined
    const session = connected?.session
    if (session?.closed === false && !session.destroyed) this.#add(connected as ConnectedSession)
    this.#removeIfEmpty()
  }

  #add (connected: ConnectedSession): void {
    const shared = new SharedSession(connected)
    this.#sessions.add(shared)
    connected.session.once('close', () => {
      this.#sessions.delete(shared)
      this.#removeIfEmpty()
    })
  }

  #removeIfEmpty (): void {
    if (this.#sessions.size === 0 && this.#attempt === undefined) this.#onEmpty()
  }
}

/** Attempt to connect, for which several handshakes may wait. */
class Attempt {
  readonly #controller = new AbortController()
  readonly #connected: Promise<Connected>
  #waiting = 0
  #isClaimed = false

  /** @param onEnd called before those that wait, and without a connection if the attempt failed or was aborted */
  constructor (target: Target, onEnd: (attempt: Attempt, connected?: Connected) => void) {
    const { signal } = this.#controller
    this.#connected = connectTo(target, signal)
    this.#connected.then((connected) => {
      if (signal.aborted) connected.connection.destroy()
      else onEnd(this, connected)
    }, () => { if (!signal.aborted) onEnd(this) })
    signal.addEventListener('abort', () => onEnd(this))
  }

  /** Waits until it has connected. It is aborted when nobody waits any more. */
  async wait (signal: AbortSignal): Promise<Connected> {
    this.#waiting++
    return await new Promise((resolve, reject) => {
      const signalOnAbort = (): void => {
        reject(signal.reason)
        if (--this.#waiting === 0) this.#controller.abort(signal.reason)
      }
      signal.addEventListener('abort', signalOnAbort, { once: true })
      const stopListening = (): void => signal.removeEventListener('abort', signalOnAbort)
      this.#connected.finally(stopListening).then(resolve, reject)
    })
  }

  /** Returns true for the first one that uses a connection of HTTP/1.1. */
  claim (): boolean {
    const isFirst = !this.#isClaimed
    this.#isClaimed = true
    return isFirst
  }
}

type ConnectedSession = Required<{ [Name in keyof Connected]: NonNullable<Connected[Name]> }>

/** Session, and the number of its sockets. */
class SharedSession {
  readonly #session: ClientHttp2Session
  readonly #state: Session
  readonly #connection: Duplex
  #sockets = 0
  /** True until a socket has been opened. */
  #isNew = true
  #timer: NodeJS.Timeout | undefined

  constructor ({ session, state, connection }: ConnectedSession) {
    this.#session = session
    this.#state = state
    this.#connection = connection
  }

  /**
   * True if another socket can be opened. A server that sends GOAWAY, or a limit of 0, accepts none for now. On a new
   * session with that limit one socket waits: another session would have it, too. A session whose server does not
   * answer may be lost.
   */
  get hasRoom (): boolean {
    const { closed, destroyed, remoteSettings: { maxConcurrentStreams = Infinity } } = this.#session
    const limit = this.#isNew ? Math.max(1, maxConcurrentStreams) : maxConcurrentStreams
    return !closed && !destroyed && !this.#state.isUnderTest && this.#sockets < limit
  }

  addSocket (): HandshakeTransport {
    this.#isNew = false
    if (this.#sockets++ === 0) {
      clearTimeout(this.#timer)
      this.#session.ref()
    }
    return { open: (request) => this.#open(request), abort: () => this.#removeSocket() }
  }

  #open (request: ClientRequest): Duplex {
    request.once('timeout', () => this.#state.destroyIfUnresponsive(PING_TIMEOUT))
    try {
      return openStream(this.#session, request).once('close', () => this.#removeSocket())
    } catch (error) {
      this.#removeSocket()
      throw error
    }
  }

  /** Keeps an idle session for a while, because a socket that ends is often followed by another one. */
  #removeSocket (): void {
    if (--this.#sockets > 0 || this.#session.closed) return
    this.#session.unref()
    this.#timer = setTimeout(closeSession, IDLE_TIMEOUT, this.#session, this.#connection).unref()
  }
}

/** Compares options: bytes and lists by content, anything else by identity. */
function isSame (one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (types.isUint8Array(one) && types.isUint8Array(other)) return Buffer.compare(one, other) === 0
  if (isPlain(one) && isPlain(other)) {
    const names = Object.keys({ ...one, ...other })
    return Array.isArray(one) === Array.isArray(other) && names.every((name) => isSame(one[name], other[name]))
  }
  return false
}

function isPlain (value: unknown): value is Record<string, unknown> {
  return Array.isArray(value) || (isObject(value) && Object.getPrototypeOf(value) === Object.prototype)
}
