/**
 * Returns a relay over NATS, for the option `relay`. Create the connection with `maxReconnectAttempts: -1`: the client
 * then restores the subscriptions after any outage.
 *
 * @param {import('@nats-io/transport-node').NatsConnection} connection
 * @returns {import('fastify-websocket-h2').RelayEmitter}
 */
export function createNatsRelay (connection) {
  const subscriptions = new Map()
  let isConnected = true

  async function watch () {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' || type === 'reconnect') isConnected = type === 'reconnect'
    }
  }
  watch()

  return {
    async emit (message) {
      // The client would keep these messages in memory, and drop them when it reconnects.
      if (!isConnected) throw new Error('NATS is disconnected')
      connection.publish(message.topic, JSON.stringify(message))
      await connection.flush()
    },
    async on (topic, listener) {
      const callback = (error, message) => { if (!error) listener(message.json(), () => {}) }
      subscriptions.set(listener, connection.subscribe(topic, { callback }))
      await connection.flush()
    },
    async removeListener (topic, listener) {
      subscriptions.get(listener)?.unsubscribe()
      subscriptions.delete(listener)
    },
    async close () {
      await connection.close()
    }
  }
}
