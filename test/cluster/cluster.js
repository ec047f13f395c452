/**
 * Tests examples/cluster: Redis, three nodes and HAProxy, with clients of Node.js and a page in Chromium, while processes
 * are killed and restarted. Needs redis-server, HAProxy and Chromium.
 *
 *   CHROMIUM=/usr/bin/google-chrome  uses another Chromium
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { Cluster } from '../../examples/cluster/cluster.js'
import { Log } from '../../examples/cluster/log.js'
import { Checks } from '../helpers/checks.js'
import { CHROMIUM_FLAGS } from '../helpers/chromium.js'
import { killOnExit } from '../helpers/child-processes.js'
import { Client, Tab, logIn, until } from './clients.js'

const { CHROMIUM = '/usr/bin/chromium' } = process.env
const START = fileURLToPath(new URL('../../examples/cluster/start.js', import.meta.url))
const TIME_LIMIT = 240_000
const CLIENTS = 12
const ROOM = 'tea'
/** In ms. */
const BACK_WITHIN = 1000

const checks = new Checks()
const timer = checks.limit(TIME_LIMIT)

await checks.run('where Redis and HAProxy are missing, the command says how to install them', async () => {
  const { code, stderr } = await runStart({ REDIS_SERVER: '/nowhere/redis-server', HAPROXY: '/nowhere/haproxy' })
  assert.equal(code, 1)
  assert.match(stderr, /^This example needs Redis and HAProxy\./)
  assert.match(stderr, /apt-get install redis-server haproxy/)
})
try {
  await testCluster()
} catch (error) {
  checks.fail('the run is complete', error)
}
clearTimeout(timer)
process.exit(checks.finish())

async function testCluster () {
  const cluster = await Cluster.start(0)
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS })
  const cookie = await logIn(cluster.url, 'Node.js')
  const clients = Array.from({ length: CLIENTS }, () => new Client(cluster.url, cookie, ROOM))
  const tab = await Tab.open(browser, cluster.url, ROOM, 'Chromium')
  const everyone = [tab, ...clients]
  await until('all clients have joined', () => clients.every(({ room }) => room.last !== null))
  const fixture = { cluster, clients, tab, everyone, cookie }

  const check = (name, run) => checks.run(name, () => run(fixture))
  await check('a message that is sent at one node reaches the sockets of all nodes', testRelay)
  await check('a message that was logged and not published reaches all sockets', testLostByRelay)
  await check('a node that is killed loses only its own sockets, which are back on other nodes within a second', testKill)
  await check('while Redis is down, local delivery continues, and relaying resumes afterwards', testOutage)
  await check('while Redis does not answer, local delivery continues, and relaying resumes afterwards', testPause)
  await check('a restart of all nodes under load loses no acknowledged message, and repeats none', testRestart)
  await check('the page reports no errors', () => assert.deepEqual(tab.errors, []))
  await checks.run('all processes end', async () => {
    for (const client of clients) client.close()
    await browser.close()
    const children = [cluster.redis, ...cluster.nodes]
    await cluster.stop()
    assert.deepEqual(children.map(({ exitCode }) => exitCode), children.map(() => 0))
  })
}

async function testRelay ({ clients, tab, everyone }) {
  const nodes = new Set(everyone.map(({ node }) => node))
  assert.equal(nodes.size, 3, 'all nodes have sockets')
  for (const node of nodes) await untilRelayed(clients.find((client) => client.node === node), everyone, clients)
  assert.equal(await tab.page.locator('#version').textContent(), 'HTTP/2')
  await tab.post('from Chromium')
  await untilAllShow(everyone, 'from Chromium')
}

/** A node may die after it has logged a message, and before it has published it. */
async function testLostByRelay ({ cluster, everyone }) {
  const log = new Log(cluster.redisUrl)
  await log.connect()
  const lost = 'logged, and not published'
  await log.append(ROOM, { type: 'message', id: crypto.randomUUID(), name: 'Nobody', text: lost, time: Date.now() })
  await log.close()
  await untilAllShow(everyone, lost)
}

async function testKill (fixture) {
  let duration
  // On a busy machine one may take longer.
  for (let tries = 0; tries < 3 && !(duration < BACK_WITHIN); tries++) duration = await killNode(fixture, `killed ${tries}`)
  assert.ok(duration < BACK_WITHIN, `${duration} ms`)
}

/** Kills the node of the page. Returns the time until its clients are back, in ms. */
async function killNode ({ cluster, clients, tab, everyone }, name) {
  const { node } = tab
  const index = Number(node.slice(-1)) - 1
  const [lost, others] = [everyone.filter((each) => each.node === node), clients.filter((each) => each.node !== node)]
  const before = new Map(everyone.map((each) => [each, each.nodes.length]))
  const ends = new Map(clients.map((each) => [each, each.ends.length]))
  const expected = clients.map((client, number) => post(client, `${name}, ${number}`))

  const start = performance.now()
  cluster.nodes[index].kill('SIGKILL')
  await until('the clients are back', () => lost.every((each) => each.nodes.length > before.get(each)))
  const duration = Math.round(performance.now() - start)
  console.log(`# ${lost.length} of ${everyone.length} sockets are back after ${duration} ms`)
  assert.ok(lost.every((each) => each.node !== node), 'on other nodes')
  for (const client of others) {
    assert.deepEqual([client.ends.length, client.nodes.length], [ends.get(client), before.get(client)])
  }
  await untilAllShow(everyone, ...expected)
  await cluster.startNode(index)
  return duration
}

async function testOutage (fixture) {
  const { cluster } = fixture
  const died = once(cluster, 'died')
  await testWithoutRedis(fixture, async () => {
    cluster.redis.kill('SIGKILL')
    await died
  }, () => cluster.startRedis())
}

async function testPause (fixture) {
  const { redis } = fixture.cluster
  await testWithoutRedis(fixture, () => redis.kill('SIGSTOP'), () => redis.kill('SIGCONT'))
}

async function testWithoutRedis ({ cluster, clients, everyone, cookie }, stop, resume) {
  const [[sender, ...local], remote] = clientsOfOneNode(clients)
  const before = post(sender, `before ${crypto.randomUUID()}`)
  await untilAllShow(everyone, before)

  await stop()
  const during = `during ${crypto.randomUUID()}`
  const id = sender.room.post(during)
  const late = new Client(cluster.url, cookie, ROOM)
  try {
    await until('the sockets of the node have it', () => [sender, ...local].every((client) => client.unlogged.has(id)))
    assert.ok(sender.room.pending.has(id), 'it is not acknowledged')
    assert.ok(!remote.some((client) => client.unlogged.has(id)))
    assert.ok(!everyone.some((each) => each.texts.includes(during)), 'it is not shown as a message of the log')
    await until('a socket opens', () => late.node !== undefined)
  } finally {
    await resume()
  }

  await untilAllShow([...everyone, late], during)
  await until('it is acknowledged', () => !sender.room.pending.has(id))
  assert.ok(late.texts.includes(before), 'the log was kept')
  late.close()
  await untilRelayed(sender, everyone, clients)
  assertSameLog(everyone)
}

/** Returns the clients of the node that has most, and the others. */
function clientsOfOneNode (clients) {
  const node = ['node1', 'node2', 'node3'].map((name) => clients.filter((client) => client.node === name))
    .sort((one, other) => other.length - one.length)[0]
  return [node, clients.filter((client) => !node.includes(client))]
}

/** Waits until a message reaches everyone by the relay alone: after an outage the nodes connect to Redis one after the other. */
async function untilRelayed (sender, everyone, clients) {
  for (let tries = 0; tries < 20; tries++) {
    const gaps = countGaps(clients)
    await untilAllShow(everyone, post(sender, `relayed ${crypto.randomUUID()}`))
    if (countGaps(clients) === gaps) return
  }
  assert.fail('all messages were read from the log')
}

async function testRestart ({ cluster, clients, tab, everyone }) {
  const pids = cluster.nodes.map(({ pid }) => pid)
  const ends = clients.map((client) => client.ends.length)
  for (const [index, client] of clients.entries()) client.startSending(`client ${index}`)
  await cluster.restartNodes()
  for (const client of clients) client.stopSending()
  assert.ok(cluster.nodes.every(({ pid }) => !pids.includes(pid)))

  await until('all messages are acknowledged', () => clients.every(({ room }) => room.pending.size === 0))
  await untilAllShow(everyone, post(clients[0], 'the end'))
  assertSameLog(everyone)
  const { ids } = clients[0]
  const acknowledged = clients.flatMap((client) => client.acknowledged)
  assert.deepEqual(acknowledged.filter((id) => !ids.includes(id)), [], 'none is lost')
  assert.equal(new Set(ids).size, ids.length, 'none is repeated')

  const closed = clients.flatMap((client, index) => client.ends.slice(ends[index]))
  const codes = closed.filter(({ error }) => error === undefined).map(({ code }) => code)
  assert.deepEqual([...new Set(codes)], [1012])
  console.log(`# ${ids.length} messages; ${codes.length} connections were closed with 1012, ${closed.length - codes.length} attempts failed`)
}

/** Sends a message. Returns its text. */
function post (client, text) {
  client.room.post(text)
  return text
}

function untilAllShow (everyone, ...texts) {
  return until(`all show ${texts}`, () => everyone.every((each) => texts.every((text) => each.texts.includes(text))))
}

function countGaps (clients) {
  return clients.reduce((sum, { room }) => sum + room.gaps, 0)
}

/** Asserts that all clients have shown the same messages in the same order, each once. */
function assertSameLog ([first, ...others]) {
  for (const other of others) assert.deepEqual(other.texts, first.texts)
}

async function runStart (env) {
  const child = killOnExit(spawn(process.execPath, [START], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] }))
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  return { code, stderr }
}
