import type { RelayCallback, RelayEmitter, RelayListener, RelayMessage } from '../../../index.ts'

/** A call of a relay's method that waits for its callback. */
export interface Call {
  name: keyof RelayEmitter
  topic: string
  callback: RelayCallback
}

/** Relay whose callbacks a test calls, unless `answer` does. */
export class ManualEmitter implements RelayEmitter {
  /** Calls without a callback so far, in their order. */
  readonly calls: Call[] = []
  /** All calls: `on a`. */
  readonly log: string[] = []
  readonly messages: RelayMessage[] = []
  readonly listeners = new Map<string, Set<RelayListener>>()
  /** Called with each call. Undefined leaves the callback to the test. */
  answer: ((call: Call) => unknown) | undefined

  emit (message: RelayMessage, callback: RelayCallback): unknown {
    this.messages.push(message)
    return this.#call('emit', message.topic, callback)
  }

  on (topic: string, listener: RelayListener, callback: RelayCallback): unknown {
    this.listeners.set(topic, (this.listeners.get(topic) ?? new Set()).add(listener))
    return this.#call('on', topic, callback)
  }

  removeListener (topic: string, listener: RelayListener, callback: RelayCallback): unknown {
    const listeners = this.listeners.get(topic)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.listeners.delete(topic)
    return this.#call('removeListener', topic, callback)
  }

  close (callback: RelayCallback): unknown {
    return this.#call('close', '', callback)
  }

  /** Calls the callback of the oldest call. */
  reply (error?: Error): void {
    this.calls.shift()!.callback(error)
  }

  /** Delivers a message to the listeners. Returns how often they have called `done`. */
  deliver (topic: string, message: unknown): number {
    let done = 0
    for (const listener of this.listeners.get(topic) ?? []) listener(message as RelayMessage, () => { done++ })
    return done
  }

  #call (name: keyof RelayEmitter, topic: string, callback: RelayCallback): unknown {
    const call = { name, topic, callback }
    this.log.push(`${name} ${topic}`.replace('fastify-websocket-h2.topic-', '').trim())
    if (this.answer === undefined) {
      this.calls.push(call)
      return undefined
    }
    return this.answer(call)
  }
}
