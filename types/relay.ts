/** Message at the relay, as the plugin emits it: a plain object, whose values are strings and booleans. */
export interface RelayMessage {
  /** Topic at the relay: an escaped form of the published one. */
  topic: string
  [field: string]: unknown
}

/** Listener of a relay. It calls `done` when it has processed the message. */
export type RelayListener = (message: RelayMessage, done: () => void) => void

/** Callback of a method of a relay. It is called once, with the error if the method has failed. */
export type RelayCallback = (error?: Error | null) => void

/**
 * Relay of published messages between the nodes of a cluster: an MQEmitter, such as that of mqemitter-redis or
 * mqemitter-mongodb, or any object with these four methods. A method may also return a promise in place of calling its
 * callback.
 */
export interface RelayEmitter {
  /** Sends a message to the listeners for its topic, on all nodes, in the order of the calls. */
  emit (message: RelayMessage, callback: RelayCallback): unknown
  /**
   * Adds a listener for a topic. The callback is called when the listener receives whatever is emitted from then on, on
   * any node. After an outage the relay adds its listeners again.
   */
  on (topic: string, listener: RelayListener, callback: RelayCallback): unknown
  /** Removes a listener. */
  removeListener (topic: string, listener: RelayListener, callback: RelayCallback): unknown
  /** Ends the connections of the relay. Called when Fastify has closed. */
  close (callback: RelayCallback): unknown
}

/**
 * Operation of the relay that has failed.
 *
 * - `'connect'`: the relay has reported an error of its connection, or does not deliver messages
 * - `'publish'`: a message was not relayed; it has reached the sockets of this node
 * - `'receive'`: a message of the relay is invalid, or was not delivered
 * - `'subscribe'`, `'unsubscribe'`: it is tried again
 * - `'close'`: the relay did not close
 */
export type RelayOperation = 'close' | 'connect' | 'publish' | 'receive' | 'subscribe' | 'unsubscribe'

/** Circumstances of an error of the relay. */
export interface RelayErrorContext {
  /** Operation that has failed. */
  operation: RelayOperation
  /** Topic as it was published or subscribed to; undefined if the error concerns no single topic. */
  topic: string | undefined
}

/** Handler of the errors of the relay. What it throws, or rejects with, is logged. */
export type RelayErrorHandler = (error: Error, context: RelayErrorContext) => unknown

/** State of the relay, in `stats()`. Totals count from the registration of the plugin. */
export interface RelayStats {
  /** Topics whose messages arrive from other nodes. */
  subscriptions: number
  /** Topics that are not yet subscribed to at the relay, or no longer needed. */
  pendingSubscriptions: number
  /** Messages that were given to the relay. */
  published: number
  /** Messages that the relay has neither accepted nor rejected yet. At most 10,000. */
  pendingMessages: number
  /** Size of these messages, in characters, with binary data as base64. */
  pendingCharacters: number
  /** Messages of other nodes. */
  received: number
  /** Errors by operation. */
  errors: Record<RelayOperation, number>
}
