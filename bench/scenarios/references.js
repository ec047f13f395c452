/**
 * Servers of other libraries and languages, each with its defaults: over HTTP/2 (RFC 8441), or over HTTP/1.1 where one
 * would choose them instead. The same load generator measures all of them, over TLS with the same certificate.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createClients } from '../clients/index.js'
import { measureMemoryPerSocket } from '../memory.js'
import { importEntry } from '../package-entry.js'
import { referenceVariants } from '../references/index.js'
import { LOAD_GENERATOR, echo } from './echo.js'
import { openMany } from './open-many.js'
import { OTHER_SERVERS, TRANSPORTS } from './variants.js'

const { ws, 'plugin-http1': pluginHttp1, 'fastify-websocket': fastifyWebsocket } = OTHER_SERVERS
const { bun, ...overHttp2 } = referenceVariants()

const VARIANTS = {
  h2: { ...TRANSPORTS.h2, label: 'fastify-websocket-h2, HTTP/2' },
  ...overHttp2,
  h1: { ...TRANSPORTS.h1, label: 'fastify-websocket-h2, HTTP/1.1' },
  'plugin-http1': { ...pluginHttp1, label: 'fastify-websocket-h2, HTTP/1.1, server without HTTP/2' },
  'fastify-websocket': fastifyWebsocket,
  ws,
  ...bun && { bun: { ...bun, label: `${bun.label}, HTTP/1.1` } }
}

const IDLE_SESSIONS = 10
/** Hypercorn's limit of streams, the lowest of all. */
const IDLE_SOCKETS_EACH = 100

export const references = [
  ...[1, 16].map((inFlight) => echoOfAll(echo(LOAD_GENERATOR, '64b', '64-on-one', inFlight), inFlight)),
  {
    name: 'references/idle',
    title: '1,000 idle sockets, over HTTP/2 100 on each of 10 sessions',
    rounds: 3,
    variants: VARIANTS,
    open: async (variant, context) => ({ measure: () => measureMemory(variant, context), close () {} })
  }
]

function echoOfAll (scenario, inFlight) {
  return {
    ...scenario,
    name: `references/echo-x${inFlight}`,
    variants: VARIANTS,
    async open (variant, context) {
      const server = await context.processes.sharedServer(variant, context.isSecure)
      await checkEcho(variant, server.ports)
      const opened = await scenario.open(variant, context)
      const warmUp = context.durations.warmUp * (variant.warmUps ?? 1)
      for (const end = performance.now() + warmUp; performance.now() < end;) await opened.measure()
      return opened
    }
  }
}

/** Rejects if a server returns another message than it receives: the load generator only counts messages. */
async function checkEcho ({ transport }, { [transport]: port }) {
  const { connect } = await importEntry('./client')
  const http = { h1: '1.1', h2: '2' }[transport]
  const socket = connect(`wss://127.0.0.1:${port}/echo`, { http, rejectUnauthorized: false })
  try {
    await once(socket, 'open')
    for (const sent of [randomBytes(64), 'text \u{1f600}']) {
      socket.send(sent)
      const [received, isBinary] = await once(socket, 'message')
      if (isBinary === (typeof sent === 'string') || !received.equals(Buffer.from(sent))) {
        throw new Error('the server does not return the message that it received')
      }
    }
  } finally {
    socket.terminate()
  }
}

/** Starts a server for each round, because a process does not return all memory of the sockets that it has closed. */
async function measureMemory (variant, { processes, isSecure }) {
  const server = await processes.startServer(variant, isSecure)
  const [first, ...clients] = createClients(IDLE_SESSIONS + 1, variant, server.ports, isSecure)
  const failed = Promise.race([first, ...clients].map((client) => client.failed))

  async function run () {
    // Excludes the memory that a server allocates once, for its first socket.
    await first.open('/echo')
    const { rss } = await measureMemoryPerSocket(server, IDLE_SESSIONS * IDLE_SOCKETS_EACH, async () => {
      for (const client of clients) await openMany(client, IDLE_SOCKETS_EACH)
    })
    return { rss }
  }

  try {
    return await Promise.race([run(), failed])
  } finally {
    for (const client of [first, ...clients]) client.close()
    server.stop()
  }
}
