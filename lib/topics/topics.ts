import type {
  BroadcastOptions, MessageOptions, PublishOptions, WebSocket, WebsocketServer, WebsocketStats
} from '../../types/index.ts'
import { FST_WS_INVALID_OPTION, FST_WS_INVALID_TOPIC } from '../errors.ts'
import { PreparedMessage, prepareMessage } from '../frames/prepared-message.ts'
import { BROADCAST_OPTIONS, MESSAGE_OPTIONS, PUBLISH_OPTIONS, readMethodOptions } from '../options/publish.ts'
import { describe, isPromise } from '../options/validate.ts'
import type { PluginSocket, SocketTopics } from '../socket/plugin-socket.ts'
import type { SocketRecord } from '../socket/socket-record.ts'
import { Deliveries } from './deliveries.ts'
import { TopicSet } from './topic-set.ts'

/** Methods of `app.websocketServer` for messages to many sockets. */
export type TopicMethods = Pick<WebsocketServer, 'broadcast' | 'prepare' | 'publish' | 'subscribers'>

/** Relay of messages between nodes. */
export interface TopicRelay {
  /** Passes a message on. Never throws. */
  publish (topic: string, data: string | Buffer, isBinary: boolean): void
  /** Called when a socket subscribes to a topic: the first one, or one with a callback. */
  subscribe (topic: string, callback?: () => void): void
  /** Called when no socket subscribes to a topic any more. */
  unsubscribe (topic: string): void
}

const NONE: ReadonlySet<string> = new TopicSet()

/** Topics of a server, and the sockets that subscribe to them. */
export class Topics implements SocketTopics {
  /** Set once, before the first socket opens. */
  relay: TopicRelay | undefined
  readonly #subscribers = new Map<string, Set<PluginSocket>>()
  /** Until the socket closes, also while its set is empty: the user may keep the set. */
  readonly #topics = new Map<PluginSocket, TopicSet>()
  readonly #deliveries = new Deliveries()
  /** Sockets that have emitted 'close'. `readyState` alone is not enough: a user can replace it, or emit 'close'. */
  readonly #closed = new WeakSet<PluginSocket>()
  #published = 0
  #delivered = 0

  // Subscriptions

  topicsOf (socket: PluginSocket): ReadonlySet<string> {
    return this.#topics.get(socket) ?? (this.#closed.has(socket) ? NONE : this.#addTopicsOf(socket))
  }

  subscribe (socket: PluginSocket, topic: string, callback?: (() => void) | null): void {
    validateTopic(topic)
    validateCallback(callback)
    if (socket.readyState !== socket.OPEN || this.#closed.has(socket)) return
    const sockets = this.#subscribers.get(topic)
    if (sockets === undefined) this.#subscribers.set(topic, new Set([socket]))
    else sockets.add(socket)
    const topics = this.#topics.get(socket) ?? this.#addTopicsOf(socket)
    topics.include(topic)
    if (this.relay === undefined) {
      if (callback != null) process.nextTick(callback)
    } else if (sockets === undefined || callback != null) {
      this.relay.subscribe(topic, callback ?? undefined)
    }
  }

  unsubscribe (socket: PluginSocket, topic: string): void {
    validateTopic(topic)
    if (this.#topics.get(socket)?.exclude(topic) === true) this.#remove(socket, topic)
  }

  /** Ends the subscriptions of a socket that has closed. */
  removeSocket (socket: PluginSocket): void {
    this.#closed.add(socket)
    const topics = this.#topics.get(socket)
    if (topics === undefined) return
    this.#topics.delete(socket)
    for (const topic of topics) {
      topics.exclude(topic)
      this.#remove(socket, topic)
    }
  }

  #addTopicsOf (socket: PluginSocket): TopicSet {
    const topics = new TopicSet()
    this.#topics.set(socket, topics)
    return topics
  }

  subscribers (topic: string): number {
    validateTopic(topic)
    return this.#subscribers.get(topic)?.size ?? 0
  }

  #remove (socket: PluginSocket, topic: string): void {
    const sockets = this.#subscribers.get(topic)!
    sockets.delete(socket)
    if (sockets.size > 0) return
    this.#subscribers.delete(topic)
    this.relay?.unsubscribe(topic)
  }

  // Messages

  publish (topic: string, data: unknown, options?: PublishOptions, sender?: PluginSocket): number {
    validateTopic(topic)
    const { except, ...messageOptions } = readMethodOptions(options, 'publish', PUBLISH_OPTIONS)
    const message = prepareMessage(data, messageOptions)
    const excluded = toExcluded(except)
    const sockets = this.#subscribers.get(topic)
    const isReceiver = (socket: PluginSocket): boolean => {
      return sockets!.has(socket) && socket !== sender && !excluded(socket)
    }
    return this.#deliver(message, [...sockets ?? []], isReceiver, () => {
      this.relay?.publish(topic, message.data, message.isBinary)
    })
  }

  /** Delivers a message of another node. */
  deliver (topic: string, data: string | Buffer, isBinary: boolean): void {
    const sockets = this.#subscribers.get(topic)
    if (sockets === undefined) return
    this.#deliver(new PreparedMessage(data, isBinary), [...sockets], (socket) => sockets.has(socket))
  }

  /** @param records of the sockets of all routes */
  broadcast (records: Iterable<SocketRecord>, data: unknown, options?: BroadcastOptions): number {
    const { except, route, filter, ...messageOptions } = readMethodOptions(options, 'broadcast', BROADCAST_OPTIONS)
    const message = prepareMessage(data, messageOptions)
    const excluded = toExcluded(except)
    const sockets = [...records].filter((record) => {
      return (route === undefined || record.route === route) && !excluded(record.socket) && passes(record, filter)
    })
    return this.#deliver(message, sockets.map(({ socket }) => socket as PluginSocket), () => true)
  }

  prepare (data: unknown, options?: MessageOptions): PreparedMessage {
    return prepareMessage(data, readMethodOptions(options, 'prepare', MESSAGE_OPTIONS))
  }

  #deliver (...delivery: Parameters<Deliveries['deliver']>): number {
    this.#published++
    const count = this.#deliveries.deliver(...delivery)
    this.#delivered += count
    return count
  }

  /** Returns the methods of `app.websocketServer`. They do not use `this`. */
  methods (records: Iterable<SocketRecord>): TopicMethods {
    return {
      publish: (topic, data, options) => this.publish(topic, data, options),
      broadcast: (data, options) => this.broadcast(records, data, options),
      subscribers: (topic) => this.subscribers(topic),
      prepare: (data, options) => this.prepare(data, options)
    }
  }

  stats (): WebsocketStats['topics'] {
    let subscriptions = 0
    for (const sockets of this.#subscribers.values()) subscriptions += sockets.size
    return { open: this.#subscribers.size, subscriptions, published: this.#published, delivered: this.#delivered }
  }
}

function validateTopic (topic: unknown): void {
  if (typeof topic !== 'string') throw new FST_WS_INVALID_TOPIC(describe(topic))
}

/** The relay calls it later, where an error would be nobody's. */
function validateCallback (callback: unknown): void {
  if (callback == null || typeof callback === 'function') return
  throw new FST_WS_INVALID_OPTION('"callback" of subscribe()', 'a function', describe(callback))
}

/** Returns a function that returns true for the sockets that the option `except` names. */
function toExcluded (except: PublishOptions['except'] | null): (socket: WebSocket) => boolean {
  if (except == null) return () => false
  if (!(Symbol.iterator in except)) return (socket) => socket === except
  const sockets = new Set(except)
  return (socket) => sockets.has(socket)
}

function passes ({ socket, request }: SocketRecord, filter: BroadcastOptions['filter']): boolean {
  if (filter === undefined) return true
  const result: unknown = filter(socket, request)
  if (!isPromise(result)) return Boolean(result)
  // The promise is not awaited. An unhandled rejection would end the process.
  result.then(undefined, () => {})
  throw new FST_WS_INVALID_OPTION('"filter" of broadcast()', 'a function that returns a boolean', 'a promise')
}
