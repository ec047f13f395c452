import type { RelayEmitter, RelayListener, RelayMessage, RelayOperation } from '../../types/index.ts'
import { Backoff } from '../backoff.ts'
import { callRelay } from './call.ts'
import { Subscription } from './subscription.ts'

/**
 * Operations that the relay has not called back. A relay with a round trip of 1 ms subscribes to 100,000 topics in less
 * than a second, and its queue stays short.
 */
const MAX_OPERATIONS = 256

/** Longer than a relay such as ioredis tries by default to reach its server, 10 s. */
const OPERATION_TIMEOUT = 30_000

/** A server that is restarted is back within a second, and one that was down for long is noticed within five. */
export const RETRIES = { retries: Infinity, minDelay: 100, maxDelay: 5000, jitter: 0.5 }

export interface SubscriptionsObserver {
  received (subscription: Subscription, message: RelayMessage): void
  succeeded (): void
  failed (error: Error, operation: RelayOperation, topic: string | undefined): void
}

/**
 * Subscriptions of a node at its relay. There is one operation at a time for each topic, whose result is compared with
 * the wanted state when it has ended. Operations that fail are tried again, those of all topics at the same times.
 * While operations fail, there is one at a time.
 */
export class Subscriptions {
  readonly #emitter: RelayEmitter
  readonly #observer: SubscriptionsObserver
  readonly #all = new Map<string, Subscription>()
  readonly #waiting = new Set<Subscription>()
  readonly #failed = new Set<Subscription>()
  readonly #backoff = new Backoff(RETRIES)
  #retryTimer: NodeJS.Timeout | undefined
  #running = 0
  #active = 0
  #suspensions = 0
  #isSuspended = false
  #isFailing = false
  #isStarting = false
  #isClosed = false

  constructor (emitter: RelayEmitter, observer: SubscriptionsObserver) {
    this.#emitter = emitter
    this.#observer = observer
  }

  get active (): number {
    return this.#active
  }

  get pending (): number {
    return this.#all.size - this.#active
  }

  subscribe (topic: string, callback: (() => void) | undefined): void {
    if (this.#isClosed) return
    let subscription = this.#all.get(topic)
    if (subscription === undefined) this.#all.set(topic, subscription = new Subscription(topic))
    subscription.isWanted = true
    if (callback !== undefined) {
      if (subscription.isActive) process.nextTick(callback)
      else subscription.callbacks.push(callback)
    }
    this.#advance(subscription)
  }

  unsubscribe (topic: string): void {
    const subscription = this.#all.get(topic)
    if (subscription === undefined || this.#isClosed) return
    subscription.isWanted = false
    subscription.callbacks = []
    this.#advance(subscription)
  }

  /** Starts no operation until `resume()`. Those that are running do not make a subscription active. */
  suspend (): void {
    this.#isSuspended = true
    this.#suspensions++
  }

  resume (): void {
    this.#isSuspended = false
    this.#retry()
  }

  /** Stops all operations. Messages are no longer received. */
  stop (): void {
    this.#isClosed = true
    this.#backoff.onClose()
    clearTimeout(this.#retryTimer)
    this.#waiting.clear()
    this.#failed.clear()
  }

  /** Removes all listeners, without waiting. Errors are ignored: the relay may have been closed. */
  removeListeners (): void {
    for (const { listener, relayTopic } of this.#all.values()) {
      if (listener === undefined) continue
      callRelay('removeListener', (done) => this.#emitter.removeListener(relayTopic, listener, done), () => {})
    }
    this.#all.clear()
    this.#active = 0
  }

  #advance (subscription: Subscription): void {
    if (subscription.isBusy || this.#isClosed) return
    if (!subscription.hasWork) {
      this.#waiting.delete(subscription)
      this.#failed.delete(subscription)
      if (!subscription.isWanted) this.#all.delete(subscription.topic)
    } else if (!this.#failed.has(subscription)) {
      this.#waiting.add(subscription)
      this.#run()
    }
  }

  #run (): void {
    // A relay may call back synchronously: the loop that is running continues.
    if (this.#isStarting) return
    this.#isStarting = true
    for (const subscription of this.#waiting) {
      if (this.#isSuspended || this.#running >= (this.#isFailing ? 1 : MAX_OPERATIONS)) break
      this.#waiting.delete(subscription)
      if (subscription.listener === undefined) this.#addListener(subscription)
      else this.#removeListener(subscription, subscription.listener)
    }
    this.#isStarting = false
  }

  #addListener (subscription: Subscription): void {
    const suspensions = this.#suspensions
    const listener: RelayListener = (message, done) => {
      // A relay such as an MQEmitter with `concurrency` waits for `done` before the next message.
      try {
        if (subscription.listener === listener && subscription.isWanted && !this.#isClosed) {
          this.#observer.received(subscription, message)
        }
      } finally {
        if (typeof done === 'function') done()
      }
    }
    subscription.listener = listener
    this.#call('subscribe', subscription, (done) => this.#emitter.on(subscription.relayTopic, listener, done), () => {
      // If the connection was lost meanwhile, the relay may have called back although it has not subscribed.
      if (suspensions === this.#suspensions) this.#activate(subscription)
    })
  }

  #activate (subscription: Subscription): void {
    subscription.isActive = subscription.wasActive = true
    this.#active++
    for (const callback of subscription.callbacks) process.nextTick(callback)
    subscription.callbacks = []
  }

  #removeListener (subscription: Subscription, listener: RelayListener): void {
    if (subscription.isActive) this.#active--
    subscription.isActive = false
    const { relayTopic } = subscription
    this.#call('unsubscribe', subscription, (done) => this.#emitter.removeListener(relayTopic, listener, done), () => {
      subscription.listener = undefined
      subscription.wasActive = false
    })
  }

  #call (
    operation: 'subscribe' | 'unsubscribe', subscription: Subscription,
    method: (callback: (error?: Error | null) => void) => unknown, succeed: () => void
  ): void {
    this.#running++
    subscription.isBusy = true
    callRelay(operation === 'subscribe' ? 'on' : 'removeListener', method, (error) => {
      this.#running--
      subscription.isBusy = false
      if (!this.#isClosed) this.#ended(operation, subscription, error, succeed)
    }, { operation, time: OPERATION_TIMEOUT })
  }

  #ended (
    operation: 'subscribe' | 'unsubscribe', subscription: Subscription, error: Error | undefined, succeed: () => void
  ): void {
    if (error === undefined) {
      succeed()
      if (this.#isFailing) this.#backoff.onOpen()
      this.#isFailing = false
      this.#observer.succeeded()
    } else if (operation === 'unsubscribe' && !subscription.wasActive) {
      // The relay may not know a listener that it has failed to add.
      succeed()
    } else {
      this.#failed.add(subscription)
      this.#isFailing = true
      this.#backoff.onClose()
      this.#retryTimer ??= setTimeout(() => this.#retry(), this.#backoff.next(0)).unref()
      this.#observer.failed(error, operation, subscription.topic)
    }
    this.#advance(subscription)
    this.#run()
  }

  #retry (): void {
    clearTimeout(this.#retryTimer)
    this.#retryTimer = undefined
    for (const subscription of this.#failed) this.#waiting.add(subscription)
    this.#failed.clear()
    this.#run()
  }
}
