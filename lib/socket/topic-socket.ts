import type { ClientOptions, WebSocket as WsWebSocket } from 'ws'
import type { PublishOptions, WebSocket } from '../../types/index.ts'
import { FST_WS_NO_TOPICS } from '../errors.ts'
import type { PluginSocket, SocketTopics } from './plugin-socket.ts'

const MEMBERS = ['publish', 'subscribe', 'topics', 'unsubscribe'] as const

/** Sets the topics of a socket. */
export const kSetTopics = Symbol('fastify-websocket-h2.set-topics')

/** Part of a socket that has topics. */
interface TopicSocket extends Pick<WebSocket, typeof MEMBERS[number]> {
  [kSetTopics] (topics: SocketTopics | undefined): void
}

type Socket = TopicSocket & WsWebSocket

/** Class of sockets that have topics, with the constructors of ws's class. */
type TopicSocketClass = Pick<typeof WsWebSocket, keyof typeof WsWebSocket> & {
  new (address: null): Socket
  new (address: string | URL, options?: ClientOptions): Socket
  new (address: string | URL, protocols?: string | string[], options?: ClientOptions): Socket
}

/**
 * Adds the methods for topics to a class of sockets. They throw until the socket has topics. A class of the user that
 * has members of these names keeps them.
 */
export function createTopicSocketClass (Base: typeof WsWebSocket): TopicSocketClass {
  const WithTopics = class extends Base implements TopicSocket {
    #topics: SocketTopics | undefined

    [kSetTopics] (topics: SocketTopics | undefined): void {
      this.#topics = topics
    }

    get topics (): ReadonlySet<string> {
      return this.#topics?.topicsOf(this.#self) ?? new Set()
    }

    /** Replaces the property: handlers may have a property of this name. */
    set topics (value: ReadonlySet<string>) {
      Object.defineProperty(this, 'topics', { value, writable: true, enumerable: true, configurable: true })
    }

    subscribe (topic: string, callback?: () => void): void {
      this.#getTopics().subscribe(this.#self, topic, callback)
    }

    unsubscribe (topic: string): void {
      this.#getTopics().unsubscribe(this.#self, topic)
    }

    publish (topic: string, data: unknown, options?: PublishOptions): number {
      return this.#getTopics().publish(topic, data, options, this.#self)
    }

    get #self (): PluginSocket {
      return this as object as PluginSocket
    }

    #getTopics (): SocketTopics {
      if (this.#topics === undefined) throw new FST_WS_NO_TOPICS()
      return this.#topics
    }
  }
  for (const name of MEMBERS) if (name in Base.prototype) Reflect.deleteProperty(WithTopics.prototype, name)
  return WithTopics
}
