/**
 * Behind a proxy: users whose connections end at HAProxy, as TLS of most sites does at a load balancer. Each user has a
 * connection to HAProxy, over HTTP/1.1 or HTTP/2, with one socket. HAProxy forwards to the app without TLS: over HTTP/1.1
 * with a connection for each socket, over HTTP/2 (h2c) with the sockets of many users on one connection. So an app behind
 * a proxy shares sessions even if its users have one socket each.
 *
 * `proxy/64-clients`: messages of 64 users, and the CPU of the app and of HAProxy for each.
 * `proxy/1000-idle`: memory of the app for each of 1,000 users who are idle.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ClientGroup } from '../clients/group.js'
import { generateLoad } from '../clients/load-generator.js'
import { hasHAProxy } from '../haproxy.js'
import { measureMemoryPerSocket, requireFiles } from '../memory.js'
import { TRANSPORTS } from './variants.js'

const MESSAGE_BYTES = 64
const USERS = 64
const IDLE = 1000

/**
 * Idle users that the server has before others are measured, because V8's young generation grows with the first of them:
 * see memory.js. A handshake without TLS allocates less, so it takes more of them.
 */
const IDLE_BEFORE = 6000

/** Connections of HAProxy for an idle user, at most: one of the user, one to the server. */
const CONNECTIONS_PER_USER = 2

/** Users that connect at the same time. */
const BATCH = 8

const { h1, h2 } = TRANSPORTS
const VARIANTS = {
  h1: { ...h1, clients: 'h1', label: 'HTTP/1.1 to the app' },
  h2: { ...h2, clients: 'h1', label: 'h2c to the app' },
  'h1-of-h2': { ...h1, clients: 'h2', label: 'HTTP/1.1 to the app, clients use HTTP/2' },
  'h2-of-h2': { ...h2, clients: 'h2', label: 'h2c to the app, clients use HTTP/2' }
}

export const proxies = [
  {
    name: `proxy/${USERS}-clients`,
    title: `${USERS} users behind HAProxy, ${MESSAGE_BYTES} B echo, 1 in flight`,
    variants: VARIANTS,
    isAvailable: hasHAProxy,
    open: openLoad
  },
  {
    name: `proxy/${IDLE}-idle`,
    title: `${IDLE.toLocaleString('en')} idle users behind HAProxy, on a server with ${IDLE_BEFORE.toLocaleString('en')} of them`,
    variants: { h1: VARIANTS.h1, h2: VARIANTS.h2 },
    rounds: 3,
    warmsUp: false,
    isAvailable: hasHAProxy,
    open: async (variant, context) => ({ measure: () => measureMemory(variant, context), close () {} })
  }
]

async function openLoad (variant, context) {
  const { server, proxy, connect, failed, close } = await start(variant, context)

  async function run () {
    const [cpuBefore, proxyBefore] = [await server.cpu(), proxy.cpu()]
    const { replies, seconds } = await generateLoad(sockets, { inFlight: 1, seconds: context.durations.slice / 1000 })
    const [cpu, proxyCpu] = [await server.cpu() - cpuBefore, proxy.cpu() - proxyBefore]
    if (replies === 0) throw new Error('the server sent no replies')
    // Lets the server finish its work before the next variant is measured.
    await sleep(20)
    return {
      rate: replies / seconds, cpu: cpu / replies, proxyCpu: proxyCpu / replies, upstream: proxy.countConnections()
    }
  }

  let sockets
  try {
    sockets = await Promise.race([connect(USERS), failed])
  } catch (error) {
    close()
    throw error
  }
  return { measure: () => Promise.race([run(), failed]), close }
}

async function measureMemory (variant, context) {
  requireFiles(CONNECTIONS_PER_USER * (IDLE_BEFORE + IDLE))
  const { server, proxy, connect, failed, close } = await start(variant, context)

  async function run () {
    await connect(IDLE_BEFORE)
    const { rss, heap } = await measureMemoryPerSocket(server, IDLE, () => connect(IDLE))
    return { upstream: proxy.countConnections(), rss, heap }
  }

  try {
    return await Promise.race([run(), failed])
  } finally {
    close()
  }
}

/** Starts a server and a HAProxy of its own, so that no connection of another variant is reused. */
async function start ({ clients: clientVersion, ...variant }, { processes }) {
  const server = await processes.startServer(variant, false)
  const proxy = await processes.startHAProxy(server, variant.transport)
  const client = { ...variant, transport: clientVersion }
  const group = new ClientGroup(client, { [clientVersion]: proxy.port }, true)

  /** Opens sockets for users, a few at a time. Resolves to the sockets. */
  function connect (count) {
    return group.add(count, BATCH, (client) => client.open('/echo', MESSAGE_BYTES))
  }

  function close () {
    group.close()
    proxy.stop()
    server.stop()
  }

  return { server, proxy, connect, failed: group.failed, close }
}
