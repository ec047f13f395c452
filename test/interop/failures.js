/**
 * Scenarios in which a proxy or the app behind it fails. They must not affect other sockets. Each receives a function
 * that starts an app behind the proxy, and two clients: `[http1, http2]`, the first without TLS.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const CROWD = 200
/** In ms: the proxy's idle timeout, and the shorter interval between the app's pings. */
const IDLE_TIMEOUT = 2000
const HEARTBEAT = 500
// After the app has restarted, nghttpx retries its backend at growing intervals.
const MAX_ATTEMPTS = 40
const RETRY_DELAY = 250

export const FAILURES = {
  async [`${CROWD} clients disconnect`] (start, [http1]) {
    const proxied = await start()
    const context = proxied.createContext(http1)
    const sockets = await Promise.all(Array.from({ length: CROWD }, () => context.open()))
    const connections = new Set(sockets.map(({ seen }) => seen.connection))
    await context.agent.disconnect()
    for (const { id } of sockets) assert.equal((await proxied.app.closed(id)).code, 1006)
    return `${CROWD} clients of HTTP/1.1 on ${connections.size} connections to the app`
  },

  async 'idle timeout, with and without heartbeat' (start, [, http2]) {
    const silent = await start({ idleTimeout: IDLE_TIMEOUT })
    const pinging = await start({ idleTimeout: IDLE_TIMEOUT, plugin: { heartbeat: HEARTBEAT } })
    const silentSocket = await silent.createContext(http2).open()
    const pingedSocket = await pinging.createContext(http2).open()
    assert.equal((await silentSocket.closed()).code, 1006, 'without a heartbeat')
    assert.equal((await silent.app.closed(silentSocket.id)).code, 1006)
    // By then it has been idle for longer than the other one, which the proxy closed.
    await sleep(IDLE_TIMEOUT)
    assert.equal(await pingedSocket.echo('text', 130), true)
    await pingedSocket.close(1000, '')
  },

  async 'killed proxy' (start, clients) {
    const proxied = await start()
    const sockets = await openEach(proxied, clients)
    await proxied.killProxy()
    for (const socket of sockets) {
      assert.equal((await socket.closed()).code, 1006)
      assert.equal((await proxied.app.closed(socket.id)).code, 1006)
    }
    const { streams } = await proxied.app.settle()
    assert.equal(streams, 0)
    await proxied.restartProxy()
    for (const socket of await openEach(proxied, clients)) await socket.close(1000, '')
  },

  async 'killed and restarted app' (start, clients) {
    const proxied = await start()
    const sockets = await openEach(proxied, clients)
    await proxied.restartApp()
    for (const socket of sockets) assert.equal((await socket.closed()).code, 1006)
    for (const client of clients) {
      const socket = await openWithRetries(proxied.createContext(client))
      assert.equal(await socket.echo('text', 130), true)
      await socket.close(1000, '')
    }
  }
}

function openEach (proxied, clients) {
  return Promise.all(clients.map((client) => proxied.createContext(client).open()))
}

async function openWithRetries (context) {
  for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
    try {
      return await context.open()
    } catch {
      await sleep(RETRY_DELAY)
    }
  }
  return context.open()
}
