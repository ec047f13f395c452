import { EventEmitter } from 'node:events'

const CONNECTED = ['subConnect', 'pubConnect']

/**
 * Returns the emitter of the connections of an MQEmitter: `state` of mqemitter-redis, `status` of mqemitter-mongodb. An
 * 'error' of it without a listener would end the process. Neither is documented.
 */
export function connectionStateOf ({ state, status }: { state?: unknown, status?: unknown }): EventEmitter | undefined {
  return [state, status].find((value) => value instanceof EventEmitter)
}

/**
 * Calls a listener when mqemitter-redis has made a connection. Its events are not documented. With other MQEmitters, a
 * relay is noticed to work again after a delay.
 *
 * @returns a function that removes the listener
 */
export function onConnection (state: EventEmitter, listener: () => void): () => void {
  for (const name of CONNECTED) state.on(name, listener)
  return () => { for (const name of CONNECTED) state.removeListener(name, listener) }
}

/**
 * Returns true while ioredis checks the connection for the subscriptions of mqemitter-redis. A SUBSCRIBE before that
 * makes the check fail. The property `subConn` is documented as an option only.
 */
export function isBeingChecked (emitter: object): boolean {
  const { subConn } = emitter as { subConn?: { status?: unknown } }
  return subConn?.status === 'connect'
}
