/** What must hold of every client by every way to the app. Each gets a Visit, and throws where something does not hold. */
import assert from 'node:assert/strict'

const MIB = 2 ** 20
const MANY = 50
const CROWD = 200
/** Browsers say 1001 where they get to say something; who is killed does not. */
const GONE = [1001, 1006]

export const SCENARIOS = {
  'echo of text and binary': (visit) => assertEchoes(visit, 130),

  'echo of 1 MiB': (visit) => assertEchoes(visit, MIB),

  async subprotocol (visit) {
    const socket = await visit.open({ protocols: ['chat.v0', 'chat.v1'] })
    assert.equal(socket.protocol, 'chat.v1')
    assert.equal(socket.seen.protocol, 'chat.v1')
    await socket.close(1000, '')
  },

  async 'cookies and Origin in hooks' (visit) {
    const socket = await visit.open({ headers: { origin: visit.origin, cookie: 'peer=yes' } })
    assert.match(socket.seen.cookie, /\bpeer=yes\b/)
    assert.equal(socket.seen.origin, visit.origin)
    await socket.close(1000, '')
  },

  async 'close by the client, with code and reason' (visit) {
    const socket = await visit.open()
    const { code } = await socket.close(4001, 'client is done')
    assert.equal(code, 4001)
    assert.deepEqual(await visit.app.closed(socket.id), { code: 4001, reason: 'client is done' })
  },

  async 'close by the server, with code and reason' (visit) {
    const socket = await visit.open()
    await visit.app.close(socket.id, 4002, 'server is done')
    assert.deepEqual(await socket.closed(), { code: 4002, reason: 'server is done' })
    assert.equal((await visit.app.closed(socket.id)).code, 4002)
  },

  async 'abort by the server' (visit) {
    const [socket, sibling] = [await visit.open(), await visit.open()]
    await visit.app.terminate(socket.id)
    assert.equal((await socket.closed()).code, 1006)
    assert.equal((await visit.app.closed(socket.id)).code, 1006)
    await assertGoesOn(sibling)
  },

  async 'abort of one socket' (visit) {
    const [socket, sibling] = [await visit.open(), await visit.open()]
    await socket.abort()
    assert.equal((await visit.app.closed(socket.id)).code, 1006)
    await assertGoesOn(sibling)
  },

  async 'a client that is gone' (visit) {
    const sockets = [await visit.open(), await visit.open()]
    await visit.client.leave()
    await assertGone(visit, sockets)
  },

  async [`${MANY} sockets at once`] (visit) {
    const sockets = await openMany(visit, MANY)
    const echoes = await Promise.all(sockets.map((socket) => socket.echo('binary', 1000)))
    assert.deepEqual(echoes, Array(MANY).fill(true))
    await Promise.all(sockets.map((socket) => socket.close(1000, '')))
    const { size } = connectionsOf(sockets)
    return `${MANY} sockets on ${size} connection${size > 1 ? 's' : ''}`
  },

  // The last, since Chromium lets the next sockets wait after a failed one.
  async 'refused handshake' (visit) {
    const id = visit.nextId()
    await assert.rejects(visit.openAt('/refused', id), ({ status = 401 }) => status === 401)
    assert.equal(visit.app.has(id), false)
    await assertGoesOn(await visit.open())
  }
}

/** What a page goes through besides. */
export const IN_A_PAGE = {
  async reload (visit) {
    const sockets = await openMany(visit, 3)
    await visit.client.reload()
    await assertGone(visit, sockets)
    await assertGoesOn(await visit.open())
  },

  async 'another page, and back' (visit) {
    const sockets = await openMany(visit, 3)
    await visit.client.navigate()
    await assertGone(visit, sockets)
    await assertGoesOn(await visit.open())
  },

  async [`${CROWD} sockets, and fetches beside them`] (visit) {
    const sockets = await openMany(visit, CROWD)
    const connections = connectionsOf(sockets)
    assert.equal(connections.size, 1)
    const answers = await visit.client.fetchAll(20)
    assert.deepEqual(new Set(answers.map(Number)), connections, 'fetches go over the connection of the sockets')
    assert.equal(await sockets.at(-1).echo('text', 130), true)
    await visit.client.leave()
    await assertGone(visit, sockets)
    return `${CROWD} sockets and fetches on one connection`
  },

  async 'the whole browser is killed' (visit) {
    const sockets = await openMany(visit, 3)
    await visit.client.kill()
    await assertGone(visit, sockets)
  }
}

/** Where the server says nothing of Extended CONNECT: such a client goes on with HTTP/1.1. */
export const NOT_ADVERTISED = {
  async 'fallback to HTTP/1.1' (visit) {
    await assertGoesOn(await visit.open())
  }
}

async function assertEchoes (visit, bytes) {
  const socket = await visit.open()
  for (const kind of ['text', 'binary']) assert.equal(await socket.echo(kind, bytes), true, kind)
  await socket.close(1000, '')
}

async function assertGoesOn (socket) {
  assert.equal(await socket.echo('text', 130), true)
  await socket.close(1000, '')
}

function openMany (visit, count) {
  return Promise.all(Array.from({ length: count }, () => visit.open()))
}

async function assertGone (visit, sockets) {
  for (const { id } of sockets) {
    const { code } = await visit.app.closed(id)
    assert.ok(GONE.includes(code), `the server sees ${code}`)
  }
}

function connectionsOf (sockets) {
  return new Set(sockets.map(({ seen }) => seen.connection))
}
