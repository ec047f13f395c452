import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { waitUntil } from '../helpers/polling.js'
import { withTimeout } from './commands.js'
import { CLIENT_ADDRESS, ProxiedNodes } from './proxied-nodes.js'

const SOCKETS = 20
const FEW = 4
/** Requests in a row of which each node answers at least one. */
const REQUESTS = 10
/** In ms. */
const PAUSE = 100
/** In ms: longer than any proxy takes to notice a node, even after it has waited for a retry. */
const NOTICED_WITHIN = 15_000
const RECONNECT = { minDelay: 50, maxDelay: 200 }

/** Scenarios of two nodes behind a proxy, which share the nodes in this order. */
const SCENARIOS = {
  'request.ip, protocol and host are those of the client, with trustProxy': testForwarded,
  'a page of the same origin is accepted, and others are refused': testOrigin,
  'metrics cannot be reached': testMetrics,
  'two nodes share the sockets of a client': testShare,
  'a frozen node loses its sockets, and receives no requests until it continues': testFrozen,
  'SIGTERM moves the sockets to the other node, and a node that was restarted receives sockets': testTermination,
  'a killed node loses only its own sockets, and no handshake fails': testKilled
}

/** Runs the scenarios of two nodes behind a proxy, without and with TLS between them. */
export async function runTwoNodes (proxy, version, folder, report) {
  // They wait most of the time.
  await Promise.all([false, true].map(async (tls) => {
    const row = report.addRow(proxy.name, version, `two nodes ${tls ? 'with' : 'without'} TLS`)
    const proxied = await ProxiedNodes.start(proxy, folder, { tls })
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      if (proxy.unsupported[name] !== undefined) row.skip(name, proxy.unsupported[name])
      else {
        await row.check(name, async () => {
          // The proxy may report the end of a socket to its node later than to the client.
          await Promise.all(proxied.nodes.map((node) => node.settle()))
          return scenario(proxied, proxy)
        })
      }
    }
    await proxied.stop()
  }))
}

async function testForwarded (proxied, proxy) {
  const forged = { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'ftp', 'x-forwarded-host': 'example.com' }
  for (const secure of [false, true]) {
    for (const headers of [{}, forged]) {
      const { request, socket } = await open(proxied, { secure, headers })
      const { protocol, host } = new URL(proxied.originFor(secure))
      const expectedHost = headers === forged && proxy.keepsForwardedHost ? 'example.com' : host
      assert.deepEqual(request, { ip: CLIENT_ADDRESS, protocol: protocol.slice(0, -1), host: expectedHost })
      await close(socket)
    }
  }
}

async function testOrigin (proxied) {
  for (const secure of [false, true]) {
    const origin = proxied.originFor(secure)
    const { socket } = await open(proxied, { secure, origin })
    await close(socket)
    const otherScheme = secure ? origin.replace('https:', 'http:') : origin.replace('http:', 'https:')
    for (const other of ['https://example.com', otherScheme]) {
      const refused = proxied.connect({ id: randomUUID(), secure, origin: other })
      const [error] = await withTimeout('a refusal', once(refused, 'error'))
      assert.match(error.message, /403/, other)
    }
  }
}

async function testMetrics (proxied) {
  assert.equal((await proxied.get('/metrics')).status, 404)
}

async function testShare (proxied, proxy) {
  const sockets = await openMany(proxied, proxy)
  const counts = await proxied.count()
  for (const socket of sockets) await close(socket)
  assert.equal(counts[0] + counts[1], SOCKETS)
  assert.ok(counts.every((count) => count > 0), `${counts}`)
  return `${counts.join(' and ')} sockets of ${proxy.isLimited ? 'a client' : 'one connection'} on the nodes`
}

/** A machine that has lost power closes no connection either. */
async function testFrozen (proxied, { checksHealth = true, http1IdleTimeout = true }) {
  const sockets = []
  for (let count = 0; count < FEW; count++) {
    for (const secure of http1IdleTimeout ? [true, false] : [true]) sockets.push(await open(proxied, { secure }))
  }
  const [, node] = proxied.nodes
  const lost = sockets.filter(({ id }) => node.hasOpened(id))
  assert.ok(lost.length > 0)
  const closed = Promise.all(lost.map(({ socket }) => once(socket, 'close')))
  node.freeze()
  const start = performance.now()
  let down
  try {
    if (checksHealth) down = await until(proxied, isDown)
    assert.deepEqual((await withTimeout('the sockets', closed)).map(([code]) => code), lost.map(() => 1006))
  } finally {
    node.unfreeze()
  }
  await until(proxied, isUp)
  for (const each of sockets) if (!lost.includes(each)) await close(each.socket)
  if (checksHealth) return `frozen node: down after ${seconds(down - start)}`
}

async function testTermination (proxied, proxy) {
  const sockets = await openMany(proxied, proxy, { reconnect: RECONNECT })
  const closes = {}
  for (const socket of sockets) {
    socket.on('reconnecting', ({ code, error }) => {
      const name = error?.message ?? code
      closes[name] = (closes[name] ?? 0) + 1
    })
  }
  const [, moved] = await proxied.count()
  const start = performance.now()
  assert.equal(await proxied.nodes[1].end(), 0, 'the exit code')
  const duration = performance.now() - start
  await withTimeout('sockets that reconnect', Promise.all(sockets.map(untilReconnected)))
  assert.equal((await proxied.nodes[0].state()).sockets, SOCKETS)
  // A proxy that does not know that the node is ending leads some of them there again.
  if (proxy.checksHealth !== false) assert.deepEqual(closes, { 1012: moved })
  await proxied.restart(1)
  const up = performance.now()
  const noticed = await until(proxied, isUp) - up
  for (const socket of sockets) await close(socket)
  return `SIGTERM: exit after ${seconds(duration)}, ${JSON.stringify(closes)}; up again after ${seconds(noticed)}`
}

async function testKilled (proxied, proxy) {
  const sockets = await openMany(proxied, proxy)
  const [kept, lost] = await proxied.count()
  const closed = sockets.map((socket) => once(socket, 'close'))
  await proxied.nodes[1].kill()
  const codes = []
  for (const each of closed) each.then(([code]) => codes.push(code))
  const more = await openMany(proxied, proxy)
  await waitUntil('sockets that close', () => codes.length >= lost)
  assert.deepEqual(codes, Array(lost).fill(1006))
  assert.equal((await proxied.nodes[0].state()).sockets, kept + SOCKETS)
  for (const socket of more) await close(socket)
}

/** Opens a socket. Returns it with what its handler saw of the request. */
async function open (proxied, options) {
  const id = randomUUID()
  const socket = proxied.connect({ id, ...options })
  await withTimeout('a socket that opens', once(socket, 'open'))
  const { request } = await Promise.race(proxied.nodes.map((node) => node.opened(id)))
  return { id, socket, request }
}

/** Opens sockets with TLS: on one connection, unless the proxy limits its sockets. */
async function openMany (proxied, { isLimited }, options) {
  const connection = isLimited ? { http: '1.1' } : { session: 'shared' }
  const sockets = []
  for (let count = 0; count < SOCKETS; count++) {
    const socket = proxied.connect({ id: randomUUID(), ...connection, ...options })
    await withTimeout('a socket that opens', once(socket, 'open'))
    sockets.push(socket)
  }
  return sockets
}

async function untilReconnected (socket) {
  while (socket.readyState !== WebSocket.OPEN) await once(socket, 'reconnected')
}

async function close (socket) {
  socket.close(1000)
  await withTimeout('a socket that closes', once(socket, 'close'))
}

/** Waits until the answers to some requests show that the proxy has noticed a change of the second node. Returns the time. */
async function until (proxied, condition) {
  const timeout = AbortSignal.timeout(NOTICED_WITHIN)
  for (;;) {
    const start = performance.now()
    const processes = await Promise.all(Array.from({ length: REQUESTS }, () => requestProcess(proxied)))
    if (condition(processes, proxied.nodes.map(({ pid }) => String(pid)))) return start
    assert.ok(!timeout.aborted, `answered by ${processes}`)
    await sleep(PAUSE)
  }
}

/** Returns the process of the node that answers, or the error. */
async function requestProcess (proxied) {
  try {
    const { status, body } = await proxied.get('/process')
    return status === 200 ? body : String(status)
  } catch (error) {
    return error.message
  }
}

function isDown (processes, [first]) {
  return processes.every((each) => each === first)
}

function isUp (processes, [, second]) {
  return processes.includes(second)
}

function seconds (ms) {
  return `${(ms / 1000).toFixed(1)} s`
}
