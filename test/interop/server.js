/**
 * The app that all clients and proxies connect to: one Fastify server for each kind of listener. It runs in a process of
 * its own so that it can be killed, and reports the events of its sockets as IPC messages. Its one argument is JSON.
 */
import { readFile } from 'node:fs/promises'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { Health } from '../../examples/shared/health.js'
import { CONNECT, UPGRADE } from './transports.js'

const { folder, ports = {}, plugin = {}, fastify: fastifyOptions, ending } = JSON.parse(process.argv[2])

const PAGE = `<!doctype html>
<title>Interop client</title>
<script type="module">
  import { Sockets } from '/sockets.js'
  globalThis.sockets = new Sockets((url, protocols) => new WebSocket(url, protocols))
</script>
`
const PAGE_SCRIPT = await readFile(new URL('agents/sockets.js', import.meta.url))

const certificate = { key: await readFile(`${folder}/key.pem`), cert: await readFile(`${folder}/cert.pem`) }
const tls = { ...certificate, allowHTTP1: true }
const APPS = {
  h1: [{}],
  h2c: [{ http2: true }],
  tls: [{ http2: true, https: tls }],
  http2Only: [{ http2: true, https: certificate }],
  unadvertised: [{ http2: true, https: tls }, { advertise: false }],
  // The second nodes of the proxies.
  h1Second: [{}],
  h2cSecond: [{ http2: true }],
  tlsSecond: [{ http2: true, https: tls }]
}
/** In ms. An app that ends waits for a health check at most this long: longer than the proxies' intervals. */
const HEALTH_CHECK_TIMEOUT = 3000
/** In ms. */
const DRAIN_TIME = 500

/** Open sockets, by the `id` in the query of their handshakes. */
const sockets = new Map()
/** Open streams of Extended CONNECT. */
const streams = new Set()
/** All streams of Extended CONNECT, open or not. */
const connectStreams = new WeakSet()
/** Numbers of the connections. */
const connections = new WeakMap()
let lastConnection = 0
const warnings = []
const apps = []
/** The health checks of each app. */
const healths = []

const listening = await Promise.all(Object.entries(APPS).map(([name, options]) => listen(name, ...options)))
const COMMANDS = {
  close: ({ socket, code, reason }) => sockets.get(socket).close(code, reason),
  terminate: ({ socket }) => sockets.get(socket).terminate(),
  drain: async ({ over }) => {
    const counts = await Promise.all(apps.map(({ websocketServer }) => websocketServer.drain({ over })))
    return counts.reduce((sum, count) => sum + count)
  },
  state: () => ({ streams: streams.size, sockets: sockets.size, warnings })
}

process.on('message', async ({ id, do: name, ...args }) => {
  const value = await COMMANDS[name](args)
  process.send({ id, value: value ?? null })
})
process.once('disconnect', () => process.exit())
process.once('SIGTERM', end)
process.send({ ports: Object.fromEntries(listening) })

async function listen (name, options, pluginOptions) {
  const app = fastify({ ...fastifyOptions, ...options, logger: { level: 'warn', stream: { write: recordWarning } } })
  // Must run before Node's own listener, which calls the handler.
  app.server.prependListener('stream', streamOnServer)
  await app.register(websocket, { ...plugin, ...pluginOptions, nodeVersionWarning: false })
  apps.push(app)
  healths.push(new Health(app))
  addRoutes(app)
  await app.listen({ port: ports[name] ?? 0, host: '127.0.0.1' })
  return [name, app.server.address().port]
}

function addRoutes (app) {
  app.get('/echo', { websocket: { protocols: ['chat.v2', 'chat.v1'] } }, echo)
  app.get('/compressed', { websocket: { perMessageDeflate: true } }, (socket, request) => {
    echo(socket, request, recordFrames(request.raw.stream ?? request.raw.socket))
  })
  app.get('/refused', {
    websocket: true,
    onRequest: async (_request, reply) => reply.code(401).send({ error: 'unauthorized' })
  }, echo)
  app.get('/', async (_request, reply) => {
    return reply.type('text/html').headers({ 'set-cookie': 'peer=yes', 'cache-control': 'no-store' }).send(PAGE)
  })
  app.get('/sockets.js', async (_request, reply) => reply.type('text/javascript').send(PAGE_SCRIPT))
  app.get('/process', async () => String(process.pid))
  app.get('/metrics', async () => 'metrics')
  app.get('/connection', async ({ raw }) => String(connectionOf(raw)))
}

/** @param frames record of the frames of the socket, if there is one */
function echo (socket, request, frames) {
  const { query: { id }, raw, headers, ip, protocol, host } = request
  sockets.set(id, socket)
  process.send({
    event: `opened ${id}`,
    transport: connectStreams.has(raw.stream) ? CONNECT : UPGRADE,
    connection: connectionOf(raw),
    protocol: socket.protocol,
    origin: headers.origin,
    cookie: headers.cookie,
    request: { ip, protocol, host },
    extensions: socket.extensions
  })
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.once('close', (code, reason) => {
    sockets.delete(id)
    process.send({ event: `closed ${id}`, code, reason: String(reason), frames })
  })
}

/** Waits until the proxy has noticed, moves the sockets to the other node, and ends. */
async function end () {
  for (const health of healths) health.status = ending
  await Promise.race(healths.map((health) => health.answered(ending, HEALTH_CHECK_TIMEOUT)))
  await COMMANDS.drain({ over: DRAIN_TIME })
  await Promise.all(apps.map((app) => app.close()))
  process.disconnect()
}

const RSV1 = 0x40

/** Records the bytes of a connection or stream, and whether the first frame of each side is compressed (RFC 7692). */
function recordFrames (connection) {
  const frames = { received: 0, sent: 0 }
  const record = (side, chunk) => {
    frames[`${side}Compressed`] ??= (chunk[0] & RSV1) !== 0
    frames[side] += chunk.length
  }
  const { write } = connection
  connection.on('data', (chunk) => record('received', chunk))
  connection.write = (chunk, ...parameters) => {
    record('sent', chunk)
    return write.call(connection, chunk, ...parameters)
  }
  return frames
}

function streamOnServer (stream, headers) {
  if (headers[':protocol'] === undefined) return
  connectStreams.add(stream)
  streams.add(stream)
  stream.once('close', () => streams.delete(stream))
}

/** Returns the number of the connection that received a request. */
function connectionOf (raw) {
  const connection = raw.stream?.session ?? raw.socket
  if (!connections.has(connection)) connections.set(connection, ++lastConnection)
  return connections.get(connection)
}

function recordWarning (line) {
  const { msg, err } = JSON.parse(line)
  warnings.push(err?.stack ?? msg)
}
