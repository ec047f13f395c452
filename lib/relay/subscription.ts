import type { RelayListener } from '../../types/index.ts'
import { escapeTopic, topicOf } from './envelope.ts'

/** Subscription to a topic: its wanted state, and its actual state at the relay. */
export class Subscription {
  readonly topic: string
  /** Escaped name of the topic. */
  readonly name: string
  /** Topic at the relay. */
  readonly relayTopic: string
  isWanted = false
  isBusy = false
  /** Listener that the relay has, or may have. */
  listener: RelayListener | undefined
  /** True while messages arrive, as far as is known. */
  isActive = false
  /** True if the listener has once been active, so that its removal has to succeed. */
  wasActive = false
  callbacks: Array<() => void> = []

  constructor (topic: string) {
    this.topic = topic
    this.name = escapeTopic(topic)
    this.relayTopic = topicOf(this.name)
  }

  get hasWork (): boolean {
    return this.isWanted ? !this.isActive : this.listener !== undefined
  }
}
