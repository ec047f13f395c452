import assert from 'node:assert/strict'
import type { WebSocket } from '../../index.ts'

/** A socket of the server, its client, and descriptions of the messages that the client has received. */
export interface Subscriber {
  readonly client: WebSocket
  readonly socket: WebSocket
  readonly received: string[]
  readonly closed: Promise<unknown>
}

interface State {
  readonly topics: Set<string>
  /** Descriptions of what has to arrive. */
  readonly expected: string[]
  /** Text of the fragments that were sent of a message whose last one was not. */
  fragments: string | undefined
  /** Messages that wait for the last fragment. */
  held: string[]
  hasEnded: boolean
  mayLose: boolean
}

/** Subscriptions of sockets, and the messages that they have to receive. */
export class TopicModel {
  /** Sum of the numbers that publish() and broadcast() have to return. */
  delivered = 0
  readonly #subscribers: Subscriber[]
  readonly #states: State[]

  constructor (subscribers: Subscriber[]) {
    this.#subscribers = subscribers
    this.#states = subscribers.map(() => ({
      topics: new Set(), expected: [], fragments: undefined, held: [], hasEnded: false, mayLose: false
    }))
  }

  subscribe (index: number, topic: string): void {
    if (this.#isOpen(index)) this.#states[index]!.topics.add(topic)
  }

  unsubscribe (index: number, topic: string): void {
    this.#states[index]!.topics.delete(topic)
  }

  topicsOf (index: number): string[] {
    return [...this.#states[index]!.topics].sort()
  }

  /** Returns the number of open sockets that subscribe to a topic. */
  subscribersOf (topic: string): number {
    return this.#states.filter(({ topics }, index) => this.#isOpen(index) && topics.has(topic)).length
  }

  publish (topic: string, description: string, except: number[]): number {
    return this.#deliver(description, except, ({ topics }) => topics.has(topic))
  }

  broadcast (description: string, except: number[]): number {
    return this.#deliver(description, except, () => true)
  }

  #deliver (description: string, except: number[], isReceiver: (state: State) => boolean): number {
    let count = 0
    for (const [index, state] of this.#states.entries()) {
      if (!this.#isOpen(index) || except.includes(index) || !isReceiver(state)) continue
      this.send(index, description)
      count++
    }
    this.delivered += count
    return count
  }

  isInMessage (index: number): boolean {
    return this.#states[index]!.fragments !== undefined
  }

  send (index: number, description: string): void {
    const state = this.#states[index]!
    if (!this.#isOpen(index)) return
    if (state.fragments === undefined) state.expected.push(description)
    else state.held.push(description)
  }

  fragment (index: number, text: string, isLast: boolean, describe: (text: string) => string): void {
    const state = this.#states[index]!
    if (!this.#isOpen(index)) return
    const fragments = (state.fragments ?? '') + text
    state.fragments = isLast ? undefined : fragments
    if (isLast) state.expected.push(describe(fragments), ...state.held.splice(0))
  }

  /** Ends a socket from the side of the server. */
  end (index: number, { mayLose = false } = {}): void {
    this.#states[index]!.hasEnded = true
    if (mayLose) this.allowLoss(index)
  }

  /** Allows that the last messages do not arrive. */
  allowLoss (index: number): void {
    this.#states[index]!.mayLose = true
  }

  /** Compares what has arrived with what had to arrive. */
  check (): void {
    for (const [index, { expected, mayLose }] of this.#states.entries()) {
      const { received } = this.#subscribers[index]!
      assert.deepEqual(received, mayLose ? expected.slice(0, received.length) : expected)
    }
  }

  /** The client may have ended the socket: then its end was noticed while a command waited. */
  #isOpen (index: number): boolean {
    const { hasEnded, mayLose } = this.#states[index]!
    const { socket } = this.#subscribers[index]!
    if (!mayLose) return !hasEnded
    return !hasEnded && socket.readyState === socket.OPEN
  }
}
