import { randomUUID } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { RelayEmitter, RelayMessage, RelayOperation, RelayStats } from '../../types/index.ts'
import { ignoreError, toError } from '../error-handling.ts'
import { FST_WS_INVALID_RELAY_MESSAGE, FST_WS_RELAY_OVERLOADED, FST_WS_RELAY_TIMEOUT } from '../errors.ts'
import { connectionStateOf, onConnection } from '../internals/mqemitter.ts'
import { callRelay } from './call.ts'
import { createEnvelope, decodeData, isEnvelope } from './envelope.ts'
import type { Envelope } from './envelope.ts'
import { Outgoing } from './outgoing.ts'
import { RelayProbe } from './probe.ts'
import type { Subscription } from './subscription.ts'
import { Subscriptions } from './subscriptions.ts'

/** With the `shutdownTimeout` of 5 s before it, less than the 10 s after which Docker kills a process. */
const CLOSE_TIMEOUT = 2000

export interface RelayObserver {
  /** Delivers a message of another node to the local subscribers. */
  deliver (topic: string, data: string | Buffer, isBinary: boolean): void
  /** Called when an operation has failed. */
  failed (error: Error, operation: RelayOperation, topic: string | undefined): void
  /** Called when an operation has succeeded. */
  succeeded (): void
}

/**
 * Relay of published messages between nodes. Messages are sent once, in the order of publication, and lost if that
 * fails. Subscriptions are repeated until they succeed.
 */
export class Relay {
  readonly #id = randomUUID()
  readonly #emitter: RelayEmitter
  readonly #observer: RelayObserver
  readonly #subscriptions: Subscriptions
  readonly #state: EventEmitter | undefined
  readonly #probe: RelayProbe | undefined
  readonly #forgetConnections: (() => void) | undefined
  readonly #errors: Record<RelayOperation, number> = {
    close: 0, connect: 0, publish: 0, receive: 0, subscribe: 0, unsubscribe: 0
  }

  readonly #outgoing = new Outgoing()
  #received = 0
  #isReady = true
  #isClosed = false
  /** True while an error is reported. What is published meanwhile is not relayed: it could fail, too, and so on. */
  #isReporting = false

  constructor (emitter: RelayEmitter, observer: RelayObserver) {
    this.#emitter = emitter
    this.#observer = observer
    this.#subscriptions = new Subscriptions(emitter, {
      received: (subscription, message) => this.#receive(subscription, message),
      succeeded: () => observer.succeeded(),
      failed: (error, operation, topic) => this.#fail(error, operation, topic)
    })
    this.#state = connectionStateOf(emitter as object)
    if (this.#state === undefined) return
    const onFailure = (error: Error): void => this.#fail(error, 'connect', undefined)
    this.#probe = new RelayProbe(emitter, this.#id, () => this.#resume(), onFailure)
    // Its connections have not been used yet.
    this.#isReady = false
    this.#subscriptions.suspend()
    this.#state.on('error', this.#onStateError)
    this.#forgetConnections = onConnection(this.#state, this.#onConnected)
  }

  /**
   * Sends a message to the other nodes. It neither throws nor waits. Beyond the limits of pending messages the message
   * is not sent, and reported.
   */
  publish (topic: string, data: string | Uint8Array, isBinary: boolean): void {
    if (this.#isClosed || this.#isReporting) return
    if (!this.#outgoing.hasRoom()) {
      const { messages, characters } = this.#outgoing.pending
      return this.#fail(new FST_WS_RELAY_OVERLOADED(messages, characters), 'publish', topic)
    }
    let envelope: Envelope
    try {
      envelope = createEnvelope(this.#id, topic, data, isBinary)
    } catch (error) {
      return this.#fail(toError(error, 'a message'), 'publish', topic)
    }
    const accept = this.#outgoing.add(envelope.data.length + envelope.name.length)
    callRelay('emit', (done) => this.#emitter.emit(envelope, done), (error) => {
      accept()
      if (error === undefined) this.#observer.succeeded()
      else this.#fail(error, 'publish', topic)
    })
  }

  /**
   * Subscribes to the messages of other nodes. The callback is called when they arrive. If an operation fails, it is
   * called when another attempt has succeeded, and never if `unsubscribe()` is called before that.
   */
  subscribe (topic: string, callback?: () => void): void {
    this.#subscriptions.subscribe(topic, callback)
    if (!this.#isReady && !this.#isClosed) this.#probe?.start(false)
  }

  unsubscribe (topic: string): void {
    this.#subscriptions.unsubscribe(topic)
  }

  /** Waits for the messages that were published, then closes the relay. Resolves after a time limit in any case. */
  async close (): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#subscriptions.stop()
    this.#probe?.stop()
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<Error>((resolve) => {
      timer = setTimeout(() => resolve(new FST_WS_RELAY_TIMEOUT('close', CLOSE_TIMEOUT)), CLOSE_TIMEOUT)
    })
    // Messages that wait for a connection would only be lost later.
    if (this.#outgoing.pending.messages > 0 && this.#isReady) {
      await Promise.race([timeout, new Promise<void>((resolve) => { this.#outgoing.onDrain = resolve })])
    }
    const closed = new Promise<Error | undefined>((resolve) => {
      callRelay('close', (done) => this.#emitter.close(done), resolve)
    })
    const error = await Promise.race([closed, timeout])
    clearTimeout(timer)
    if (error !== undefined) this.#fail(error, 'close', undefined)
    // Last, because ioredis ends at once only if its queue is empty. An emitter that the user shares is still open.
    this.#subscriptions.removeListeners()
    this.#probe?.removeListener()
    // Without a listener, an error of the emitter would end the process.
    if (this.#state?.listenerCount('error') === 1) this.#state.on('error', ignoreError)
    this.#state?.removeListener('error', this.#onStateError)
    this.#forgetConnections?.()
  }

  stats (): RelayStats {
    const { given, pending } = this.#outgoing
    return {
      subscriptions: this.#subscriptions.active,
      pendingSubscriptions: this.#subscriptions.pending,
      published: given,
      pendingMessages: pending.messages,
      pendingCharacters: pending.characters,
      received: this.#received,
      errors: { ...this.#errors }
    }
  }

  #receive ({ topic, name, relayTopic }: Subscription, message: RelayMessage): void {
    try {
      if (!isEnvelope(message, name)) throw new FST_WS_INVALID_RELAY_MESSAGE(relayTopic)
      if (message.id === this.#id) return
      this.#received++
      this.#observer.deliver(topic, decodeData(message), message.binary)
    } catch (error) {
      this.#fail(toError(error, 'a subscriber'), 'receive', topic)
    }
  }

  readonly #onStateError = (thrown: unknown): void => {
    if (this.#isClosed) return
    this.#suspend()
    this.#fail(toError(thrown, 'the relay'), 'connect', undefined)
  }

  // A connection may have been lost without an error.
  readonly #onConnected = (): void => {
    this.#probe?.connected()
    if (this.#isReady) this.#suspend()
  }

  #suspend (): void {
    this.#isReady = false
    this.#subscriptions.suspend()
    this.#probe?.start(true)
  }

  #resume (): void {
    this.#isReady = true
    this.#subscriptions.resume()
    this.#observer.succeeded()
  }

  #fail (error: Error, operation: RelayOperation, topic: string | undefined): void {
    this.#errors[operation]++
    const isOuter = !this.#isReporting
    this.#isReporting = true
    try {
      this.#observer.failed(error, operation, topic)
    } finally {
      if (isOuter) this.#isReporting = false
    }
  }
}
