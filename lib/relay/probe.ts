import { randomUUID } from 'node:crypto'
import type { RelayEmitter, RelayListener } from '../../types/index.ts'
import { Backoff } from '../backoff.ts'
import { FST_WS_RELAY_TIMEOUT } from '../errors.ts'
import { isBeingChecked } from '../internals/mqemitter.ts'
import { callRelay } from './call.ts'
import { topicOfNode } from './envelope.ts'
import { RETRIES } from './subscriptions.ts'

/** More than a round trip needs, and less than the 10 s for which ioredis keeps commands while its server is down. */
const ECHO_TIMEOUT = 5000

/**
 * Time without probes after a connection was made, and between looks at one that is being checked. ioredis sends
 * SUBSCRIBE before it has checked a new connection; the check then fails, and the connection is closed.
 */
const CHECK_TIME = 100

/**
 * Probe of the connections of a relay: a message that a node sends to itself. mqemitter-redis calls back a subscription
 * that has failed as if it had succeeded. It has one connection for messages and another one for subscriptions, and
 * after the echo both work.
 */
export class RelayProbe {
  readonly #emitter: RelayEmitter
  readonly #topic: string
  readonly #onEcho: () => void
  readonly #onFailure: (error: Error) => void
  readonly #backoff = new Backoff(RETRIES)
  #listener: RelayListener | undefined
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #hasFailed = false
  #connectedAt = -Infinity

  constructor (emitter: RelayEmitter, id: string, onEcho: () => void, onFailure: (error: Error) => void) {
    this.#emitter = emitter
    this.#topic = topicOfNode(id)
    this.#onEcho = onEcho
    this.#onFailure = onFailure
    if (isBeingChecked(this.#emitter)) this.#connectedAt = performance.now()
  }

  /**
   * Sends probes, with growing delays, until an echo arrives. The first one is sent at once if nothing has failed.
   *
   * @param hasFailed true after an error of a connection, with which the probe that waits for its echo may be lost
   */
  start (hasFailed: boolean): void {
    this.#hasFailed = hasFailed || (this.#isRunning && this.#hasFailed)
    if (this.#isRunning) return
    this.#isRunning = true
    this.#backoff.onClose()
    if (hasFailed) this.#schedule()
    else this.#send()
  }

  /** Called when a connection has been made. If a probe has failed, the next one is sent soon. */
  connected (): void {
    this.#connectedAt = performance.now()
    if (this.#isRunning && this.#hasFailed) this.#schedule(CHECK_TIME)
  }

  stop (): void {
    this.#isRunning = false
    clearTimeout(this.#timer)
    this.#backoff.onClose()
  }

  /** Removes the listener, without waiting. */
  removeListener (): void {
    const listener = this.#listener
    this.#listener = undefined
    if (listener === undefined) return
    callRelay('removeListener', (done) => this.#emitter.removeListener(this.#topic, listener, done), () => {})
  }

  #schedule (delay = this.#backoff.next(0)): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#send(), delay).unref()
  }

  #send (): void {
    const age = performance.now() - this.#connectedAt
    if (age < CHECK_TIME) return this.#schedule(CHECK_TIME - age)
    // A server that does not answer is to be reported.
    if (isBeingChecked(this.#emitter) && age < ECHO_TIMEOUT) return this.#schedule(CHECK_TIME)
    const message = { topic: this.#topic, id: randomUUID() }
    const listener: RelayListener = (_message, done) => {
      this.#echo()
      if (typeof done === 'function') done()
    }
    const fail = (error: Error | undefined): void => {
      if (error === undefined || !this.#isRunning || this.#listener !== listener) return
      this.#hasFailed = true
      this.#schedule()
      this.#onFailure(error)
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => fail(new FST_WS_RELAY_TIMEOUT('deliver a message to its sender', ECHO_TIMEOUT)), ECHO_TIMEOUT)
    this.#timer.unref()
    // The one before may not be subscribed to at the server, although mqemitter-redis counts it.
    this.removeListener()
    this.#listener = listener
    callRelay('on', (done) => this.#emitter.on(this.#topic, listener, done), (error) => {
      if (error !== undefined) fail(error)
      else if (this.#listener === listener) callRelay('emit', (done) => this.#emitter.emit(message, done), fail)
    })
  }

  #echo (): void {
    if (!this.#isRunning) return
    this.stop()
    this.#backoff.onOpen()
    this.#onEcho()
  }
}
