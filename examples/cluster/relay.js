import { Redis } from 'ioredis'
import mqemitterRedis from 'mqemitter-redis'
import { NEVER_WAIT } from './log.js'

/** Creates the relay of a node: publish and subscribe of Redis. It recovers by itself. */
export function createRelay (url) {
  const pubConn = new Redis(url, NEVER_WAIT)
  // Subscriptions wait for Redis. They are repeated after each reconnect.
  const subConn = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 100 })
  const relay = new mqemitterRedis.MQEmitterRedisPrefix('chat:', { pubConn, subConn })
  // Until the plugin listens, this event would end the process.
  relay.state.on('error', () => {})
  // That of mqemitter-redis waits until Redis is back.
  relay.close = (callback) => {
    subConn.disconnect()
    pubConn.quit().catch(() => pubConn.disconnect()).finally(callback)
  }
  return relay
}
