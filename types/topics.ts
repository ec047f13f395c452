/**
 * Names of topics, and the types of their messages. It is empty: add the topics of your app by declaration merging, and
 * `subscribe()`, `unsubscribe()`, `publish()`, `subscribers()` and `socket.topics` take only these names, and
 * `publish()` only data of the topic's type. While it is empty, any string is a topic, of any data. Types only: the
 * names and the data are not checked at run time.
 *
 * The type of a topic is that of the data passed to `publish()`: an object that is sent as JSON, a string, or bytes.
 *
 * @example
 * declare module 'fastify-websocket-h2' {
 *   interface WebSocketTopics {
 *     prices: { symbol: string, price: number }
 *     [room: `room:${string}`]: { author: string, text: string }
 *   }
 * }
 */
export interface WebSocketTopics {}

/**
 * Name of a topic: one of those in `WebSocketTopics`, or any string while that is empty. Use it for parameters of your
 * functions, and for names that are known only at run time: `socket.subscribe(name as WebSocketTopic)`.
 */
export type WebSocketTopic = [keyof WebSocketTopics] extends [never] ? string : Extract<keyof WebSocketTopics, string>
