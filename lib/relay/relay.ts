import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { RelayEmitter, RelayMessage, RelayOperation, RelayStats } from '../../types/index.ts'
import { ignoreError, toError } from '../error-handling.ts'
import { FST_WS_INVALID_RELAY_MESSAGE, FST_WS_RELAY_OVERLOADED, FST_WS_RELAY_TIMEOUT } from '../errors.ts'
import { callRelay } from './call.ts'
import { decodeData, encodeData, escapeTopic, isEnvelope, topicOf } from './envelope.ts'
import { RelayProbe } from './probe.ts'
import type { Subscription } from './subscription.ts'
import { Subscriptions } from './subscriptions.ts'

/**
 * Messages that the relay has not accepted, in number and size. A relay that is down may keep all it is given: ioredis
 * has a queue without a limit. 10,000 messages are those of a second of a busy node, and need about 20 MiB in ioredis;
 * 16 MiB is also what one socket may have waiting (`sendLimit`).
 */
const MAX_PENDING_MESSAGES = 10_000
const MAX_PENDING_CHARACTERS = 16 * 1024 * 1024

/** With the `shutdownTimeout` of 5 s before it, less than the 10 s after which Docker kills a process. */
const CLOSE_TIMEOUT = 2000

/** Events of `state` of mqemitter-redis. */
const CONNECTED = ['subConnect', 'pubConnect']

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
  readonly #errors: Record<RelayOperation, number> = {
    close: 0, connect: 0, publish: 0, receive: 0, subscribe: 0, unsubscribe: 0
  }

  /** Messages that were given to the relay, and the sum of their sizes. */
  readonly #published = { messages: 0, characters: 0 }
  /**
   * The same, up to the last message that the relay has called back. mqemitter-mongodb calls back only the last of
   * several messages.
   */
  readonly #accepted = { messages: 0, characters: 0 }
  #received = 0
  #isReady = true
  #isClosed = false
  #onDrain: (() => void) | undefined

  constructor (emitter: RelayEmitter, observer: RelayObserver) {
    this.#emitter = emitter
    this.#observer = observer
    this.#subscriptions = new Subscriptions(emitter, {
      received: (subscription, message) => this.#receive(subscription, message),
      succeeded: () => observer.succeeded(),
      failed: (error, operation, topic) => this.#fail(error, operation, topic)
    })
    this.#state = stateOf(emitter as object)
    if (this.#state === undefined) return
    const onFailure = (error: Error): void => this.#fail(error, 'connect', undefined)
    this.#probe = new RelayProbe(emitter, this.#id, () => this.#resume(), onFailure)
    // Its connections have not been used yet.
    this.#isReady = false
    this.#subscriptions.suspend()
    this.#state.on('error', this.#onStateError)
    for (const name of CONNECTED) this.#state.on(name, this.#onConnected)
  }

  /**
   * Sends a message to the other nodes. It neither throws nor waits. Beyond the limits of pending messages the message
   * is not sent, and reported.
   */
  publish (topic: string, data: string | Uint8Array, isBinary: boolean): void {
    if (this.#isClosed) return
    const pending = this.#pending
    if (pending.messages >= MAX_PENDING_MESSAGES || pending.characters >= MAX_PENDING_CHARACTERS) {
      return this.#fail(new FST_WS_RELAY_OVERLOADED(pending.messages, pending.characters), 'publish', topic)
    }
    const name = escapeTopic(topic)
    const text = encodeData(data, isBinary)
    const envelope = { topic: topicOf(name), id: this.#id, name, data: text, binary: isBinary }
    const messages = ++this.#published.messages
    const characters = this.#published.characters += text.length + name.length
    callRelay('emit', (done) => this.#emitter.emit(envelope, done), (error) => {
      this.#accept(messages, characters)
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
    if (this.#pending.messages > 0 && this.#isReady) {
      await Promise.race([timeout, new Promise<void>((resolve) => { this.#onDrain = resolve })])
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
    for (const name of CONNECTED) this.#state?.removeListener(name, this.#onConnected)
  }

  stats (): RelayStats {
    const pending = this.#pending
    return {
      subscriptions: this.#subscriptions.active,
      pendingSubscriptions: this.#subscriptions.pending,
      published: this.#published.messages,
      pendingMessages: pending.messages,
      pendingCharacters: pending.characters,
      received: this.#received,
      errors: { ...this.#errors }
    }
  }

  get #pending (): { messages: number, characters: number } {
    return {
      messages: this.#published.messages - this.#accepted.messages,
      characters: this.#published.characters - this.#accepted.characters
    }
  }

  #accept (messages: number, characters: number): void {
    if (messages <= this.#accepted.messages) return
    this.#accepted.messages = messages
    this.#accepted.characters = characters
    if (messages === this.#published.messages) this.#onDrain?.()
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
    this.#observer.failed(error, operation, topic)
  }
}

/**
 * Returns the emitter of errors of the connection: `state` of mqemitter-redis, `status` of mqemitter-mongodb. Neither
 * is documented. An error without a listener would end the process.
 */
function stateOf ({ state, status }: { state?: unknown, status?: unknown }): EventEmitter | undefined {
  return [state, status].find((value) => value instanceof EventEmitter)
}
