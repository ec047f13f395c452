/** Scenarios that every client must pass, with and without a proxy. Each receives a ScenarioContext and throws if it fails. */
import assert from 'node:assert/strict'

const MIB = 2 ** 20
const MANY = 50
const CROWD = 200
/** Size, in bytes, of a message that compression makes much shorter. */
const COMPRESSIBLE = 10_000
/** Close codes of a client that disconnected: browsers send 1001 if they can; a killed client sends nothing. */
const DISCONNECTED = [1001, 1006]

export const SCENARIOS = {
  'echo of text and binary': (context) => assertEchoes(context, 130),

  'echo of 1 MiB': (context) => assertEchoes(context, MIB),

  async 'compressed messages' (context) {
    const socket = await context.open({ path: '/compressed' })
    const frames = await exchangeText(context, socket)
    if (socket.seen.extensions === '') return 'does not offer compression'
    assert.ok(frames.sentCompressed && frames.sent < COMPRESSIBLE / 10, `${frames.sent} bytes sent`)
    return `receives ${frames.sent} bytes and sends ${frames.received} for a message of ${COMPRESSIBLE} bytes`
  },

  async subprotocol (context) {
    const socket = await context.open({ protocols: ['chat.v0', 'chat.v1'] })
    assert.equal(socket.protocol, 'chat.v1')
    assert.equal(socket.seen.protocol, 'chat.v1')
    await socket.close(1000, '')
  },

  async 'cookies and Origin in hooks' (context) {
    const socket = await context.open({ headers: { origin: context.origin, cookie: 'peer=yes' } })
    assert.match(socket.seen.cookie, /\bpeer=yes\b/)
    assert.equal(socket.seen.origin, context.origin)
    await socket.close(1000, '')
  },

  async 'close by the client, with code and reason' (context) {
    const socket = await context.open()
    const { code } = await socket.close(4001, 'client is done')
    assert.equal(code, 4001)
    assert.deepEqual(await context.app.closed(socket.id), { code: 4001, reason: 'client is done' })
  },

  async 'close by the server, with code and reason' (context) {
    const socket = await context.open()
    await context.app.close(socket.id, 4002, 'server is done')
    assert.deepEqual(await socket.closed(), { code: 4002, reason: 'server is done' })
    assert.equal((await context.app.closed(socket.id)).code, 4002)
  },

  async 'abort by the server' (context) {
    const [socket, sibling] = [await context.open(), await context.open()]
    await context.app.terminate(socket.id)
    assert.equal((await socket.closed()).code, 1006)
    assert.equal((await context.app.closed(socket.id)).code, 1006)
    await assertStillWorks(sibling)
  },

  async 'abort by the client' (context) {
    const [socket, sibling] = [await context.open(), await context.open()]
    await socket.abort()
    assert.equal((await context.app.closed(socket.id)).code, 1006)
    await assertStillWorks(sibling)
  },

  async 'disconnected client' (context) {
    const sockets = [await context.open(), await context.open()]
    await context.agent.disconnect()
    await assertDisconnected(context, sockets)
  },

  async [`${MANY} sockets at once`] (context) {
    const sockets = await openMany(context, MANY)
    const echoes = await Promise.all(sockets.map((socket) => socket.echo('binary', 1000)))
    assert.deepEqual(echoes, Array(MANY).fill(true))
    await Promise.all(sockets.map((socket) => socket.close(1000, '')))
    const { size } = connectionsOf(sockets)
    return `${MANY} sockets on ${size} connection${size > 1 ? 's' : ''}`
  },

  // Must be last: Chromium delays the next handshakes after one that failed.
  async 'refused handshake' (context) {
    const id = context.createId()
    await assert.rejects(context.openAt('/refused', id), ({ status = 401 }) => status === 401)
    assert.equal(context.app.hasOpened(id), false)
    await assertStillWorks(await context.open())
  }
}

/** Additional scenarios of a page in a browser. */
export const PAGE_SCENARIOS = {
  async 'messages that are compressed in both directions' (context) {
    const socket = await context.open({ path: '/compressed' })
    assert.equal(socket.seen.extensions, 'permessage-deflate')
    const frames = await exchangeText(context, socket)
    assert.ok(frames.sentCompressed && frames.sent < COMPRESSIBLE / 10, `${frames.sent} bytes sent`)
    assert.ok(frames.receivedCompressed && frames.received < COMPRESSIBLE / 10, `${frames.received} bytes received`)
    return `${frames.received} and ${frames.sent} bytes for a message of ${COMPRESSIBLE} bytes`
  },

  async 'page reload' (context) {
    const sockets = await openMany(context, 3)
    await context.agent.reload()
    await assertDisconnected(context, sockets)
    await assertStillWorks(await context.open())
  },

  async 'navigation to another page and back' (context) {
    const sockets = await openMany(context, 3)
    await context.agent.navigate()
    await assertDisconnected(context, sockets)
    await assertStillWorks(await context.open())
  },

  async [`${CROWD} sockets and fetches on one connection`] (context) {
    const sockets = await openMany(context, CROWD)
    const connections = connectionsOf(sockets)
    assert.equal(connections.size, 1)
    const answers = await context.agent.fetchAll(20)
    assert.deepEqual(new Set(answers.map(Number)), connections, 'fetches use the connection of the sockets')
    assert.equal(await sockets.at(-1).echo('text', 130), true)
    await context.agent.disconnect()
    await assertDisconnected(context, sockets)
    return `${CROWD} sockets and fetches on one connection`
  },

  async 'killed browser' (context) {
    const sockets = await openMany(context, 3)
    await context.agent.kill()
    await assertDisconnected(context, sockets)
  }
}

/** Scenarios with a server that does not advertise Extended CONNECT: the client must use HTTP/1.1. */
export const NOT_ADVERTISED_SCENARIOS = {
  async 'fallback to HTTP/1.1' (context) {
    await assertStillWorks(await context.open())
  }
}

async function assertEchoes (context, bytes) {
  const socket = await context.open()
  for (const kind of ['text', 'binary']) assert.equal(await socket.echo(kind, bytes), true, kind)
  await socket.close(1000, '')
}

/** Exchanges a text. Returns what the server has recorded about its frames. */
async function exchangeText (context, socket) {
  assert.equal(await socket.echo('text', COMPRESSIBLE), true)
  await socket.close(1000, '')
  const { frames } = await context.app.closed(socket.id)
  return frames
}

async function assertStillWorks (socket) {
  assert.equal(await socket.echo('text', 130), true)
  await socket.close(1000, '')
}

function openMany (context, count) {
  return Promise.all(Array.from({ length: count }, () => context.open()))
}

async function assertDisconnected (context, sockets) {
  for (const { id } of sockets) {
    const { code } = await context.app.closed(id)
    assert.ok(DISCONNECTED.includes(code), `the server received ${code}`)
  }
}

function connectionsOf (sockets) {
  return new Set(sockets.map(({ seen }) => seen.connection))
}
