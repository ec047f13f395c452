/**
 * What goes wrong with a proxy between a client and the app, and must cost nobody more than his socket. Each gets what
 * starts a site, and the clients in front: `[slow, fast]`, of HTTP/1.1 in clear and of HTTP/2.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const CROWD = 200
/** Of quiet sockets, in ms: what the proxy lets pass, and what the app has between pings. */
const IDLE = 2000
const HEARTBEAT = 500
// nghttpx tries less and less often.
const MOST_TRIES = 40
const BETWEEN_TRIES = 250

export const TROUBLES = {
  async [`${CROWD} clients`] (start, [slow]) {
    const site = await start()
    const visit = site.visit(slow)
    const sockets = await Promise.all(Array.from({ length: CROWD }, () => visit.open()))
    const connections = new Set(sockets.map(({ seen }) => seen.connection))
    await visit.client.leave()
    for (const { id } of sockets) assert.equal((await site.app.closed(id)).code, 1006)
    return `${CROWD} clients of HTTP/1.1 on ${connections.size} connections to the app`
  },

  async 'quiet sockets' (start, [, fast]) {
    const [left, pinged] = [await start({ idle: IDLE }), await start({ idle: IDLE, plugin: { heartbeat: HEARTBEAT } })]
    const [dies, lives] = [await left.visit(fast).open(), await pinged.visit(fast).open()]
    assert.equal((await dies.closed()).code, 1006, 'without a heartbeat')
    assert.equal((await left.app.closed(dies.id)).code, 1006)
    // As long again, so that it has been quiet for longer than the other lived.
    await sleep(IDLE)
    assert.equal(await lives.echo('text', 130), true)
    await lives.close(1000, '')
  },

  async 'a killed proxy' (start, fronts) {
    const site = await start()
    const sockets = await openEach(site, fronts)
    await site.killProxy()
    for (const socket of sockets) {
      assert.equal((await socket.closed()).code, 1006)
      assert.equal((await site.app.closed(socket.id)).code, 1006)
    }
    const { streams } = await site.app.settled()
    assert.equal(streams, 0)
    await site.restartProxy()
    for (const socket of await openEach(site, fronts)) await socket.close(1000, '')
  },

  async 'an app that is killed, and comes back' (start, fronts) {
    const site = await start()
    const sockets = await openEach(site, fronts)
    await site.restartApp()
    for (const socket of sockets) assert.equal((await socket.closed()).code, 1006)
    for (const front of fronts) {
      const socket = await openAtLast(site.visit(front))
      assert.equal(await socket.echo('text', 130), true)
      await socket.close(1000, '')
    }
  }
}

function openEach (site, fronts) {
  return Promise.all(fronts.map((front) => site.visit(front).open()))
}

async function openAtLast (visit) {
  for (let tries = 1; tries < MOST_TRIES; tries++) {
    try {
      return await visit.open()
    } catch {
      await sleep(BETWEEN_TRIES)
    }
  }
  return visit.open()
}
