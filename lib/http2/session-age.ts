import type { WebSocket } from 'ws'
import { MAX_TIMEOUT } from '../options/validate.ts'

/** Part of a Session that has an age. */
export interface AgingSession {
  readonly sockets: WebSocket[]
  /** Called with each socket that opens from now on. */
  onLateSocket: ((socket: WebSocket) => void) | undefined
  /** Sends GOAWAY. */
  retire (): void
}

/** Limit of the age of the sessions of a server. */
export interface SessionAgeOptions {
  /** Age, in ms, at which a session is sent GOAWAY. */
  max: number
  /** Time, in ms, that its open sockets have from then on. Infinity is no limit. */
  grace: number
  /** Closes the sockets of a session, in batches that are spread over a time, in ms. */
  closeSockets: (session: AgingSession, over: number) => void
}

/** Part of `max` that is added or taken away, so that sessions which began together do not end together. */
const JITTER = 0.1

/** Fraction of `grace` after which the first sockets are closed. The others follow in the rest of it. */
const CLOSE_PHASE = 0.5

/**
 * Age of a session. When it is reached, the session is sent GOAWAY: the client opens new sockets on another connection,
 * which a proxy or load balancer may lead to another server. The open sockets are closed later.
 */
export class SessionAge {
  readonly #session: AgingSession
  readonly #options: SessionAgeOptions
  #timer: NodeJS.Timeout

  constructor (session: AgingSession, options: SessionAgeOptions) {
    this.#session = session
    this.#options = options
    const age = Math.round(options.max * (1 - JITTER + 2 * JITTER * Math.random()))
    this.#timer = setTimeout(() => this.#onMaxAge(), Math.min(MAX_TIMEOUT, age)).unref()
  }

  /** Called when the session has closed. */
  stop (): void {
    clearTimeout(this.#timer)
  }

  #onMaxAge (): void {
    const { grace, closeSockets } = this.#options
    this.#session.retire()
    if (grace === Infinity) return
    const over = Math.floor(grace * (1 - CLOSE_PHASE))
    this.#timer = setTimeout(() => closeSockets(this.#session, over), grace * CLOSE_PHASE).unref()
  }
}
