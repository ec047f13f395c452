import type { FastifyInstance } from 'fastify'
import type { RelayErrorHandler, RelayOperation } from '../../types/index.ts'
import { channels } from '../channels.ts'
import { logError, toError } from '../error-handling.ts'
import type { PluginSettings } from '../options/plugin.ts'
import { isPromise } from '../options/validate.ts'
import { Relay } from './relay.ts'
import type { RelayObserver } from './relay.ts'
import type { Topics } from '../topics/topics.ts'

/** Longer than the longest delay between two attempts, so that the log has one line for what fails repeatedly. */
const RECOVERY_TIME = 6000

/** Connects the topics of a server with those of other nodes, if it has the option `relay`. */
export function connectRelay (
  fastify: FastifyInstance, topics: Topics, { relay: emitter, onRelayError }: Pick<PluginSettings, 'onRelayError' | 'relay'>
): Relay | undefined {
  if (emitter === undefined) return undefined
  const relay = new Relay(emitter, new RelayReporter(fastify, topics, onRelayError))
  topics.relay = relay
  return relay
}

/**
 * Passes on what a relay reports. Each error goes to `onRelayError` and to a channel, the first one to the log. When
 * operations succeed again, and none has failed for some seconds, the log has a line too.
 */
export class RelayReporter implements RelayObserver {
  readonly #fastify: FastifyInstance
  readonly #topics: Pick<Topics, 'deliver'>
  readonly #onRelayError: RelayErrorHandler | undefined
  #isFailing = false
  #hasReceivedInvalid = false
  #recovery: NodeJS.Timeout | undefined

  constructor (
    fastify: FastifyInstance, topics: Pick<Topics, 'deliver'>, onRelayError: RelayErrorHandler | undefined
  ) {
    this.#fastify = fastify
    this.#topics = topics
    this.#onRelayError = onRelayError
  }

  deliver (topic: string, data: string | Buffer, isBinary: boolean): void {
    this.#topics.deliver(topic, data, isBinary)
  }

  failed (error: Error, operation: RelayOperation, topic: string | undefined): void {
    // An invalid message is no outage: it must not hide the log of one.
    if (operation === 'receive') this.#logInvalid(error)
    else this.#logOutage(error)
    if (channels.relayError.hasSubscribers) {
      channels.relayError.publish({ fastify: this.#fastify, error, operation, topic })
    }
    this.#callHandler(error, operation, topic)
  }

  succeeded (): void {
    if (this.#isFailing) this.#recovery ??= setTimeout(() => this.#recover(), RECOVERY_TIME).unref()
  }

  #logOutage (error: Error): void {
    clearTimeout(this.#recovery)
    this.#recovery = undefined
    if (this.#isFailing) return
    this.#isFailing = true
    logError(this.#fastify.log, error, 'the relay has failed: published messages may not reach other nodes', 'warn')
  }

  #logInvalid (error: Error): void {
    if (this.#hasReceivedInvalid) return
    this.#hasReceivedInvalid = true
    logError(this.#fastify.log, error, 'the relay has delivered an invalid message', 'warn')
  }

  #recover (): void {
    this.#isFailing = false
    this.#recovery = undefined
    this.#fastify.log.info('the relay works again')
  }

  #callHandler (error: Error, operation: RelayOperation, topic: string | undefined): void {
    try {
      const result = this.#onRelayError?.(error, { operation, topic })
      if (isPromise(result)) result.then(undefined, (thrown) => this.#logThrown(thrown))
    } catch (thrown) {
      this.#logThrown(thrown)
    }
  }

  #logThrown (thrown: unknown): void {
    logError(this.#fastify.log, toError(thrown, 'onRelayError'), 'onRelayError threw an error')
  }
}
