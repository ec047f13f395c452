/**
 * The app that every peer reaches, by every way that Fastify has of listening. It is a process of its own, so that it can
 * be killed; what happens to its sockets goes to the suite as messages. Its one argument is JSON.
 */
import { readFile } from 'node:fs/promises'
import fastify from 'fastify'
import websocket from '../../dist/index.js'
import { CONNECT, UPGRADE } from './over.js'

const { folder, ports = {}, plugin = {} } = JSON.parse(process.argv[2])

const PAGE = `<!doctype html>
<title>A page that takes commands</title>
<script type="module">
  import { Sockets } from '/sockets.js'
  globalThis.sockets = new Sockets((url, protocols) => new WebSocket(url, protocols))
</script>
`
const PAGE_SCRIPT = await readFile(new URL('agents/sockets.js', import.meta.url))

const tls = {
  key: await readFile(`${folder}/key.pem`),
  cert: await readFile(`${folder}/cert.pem`),
  allowHTTP1: true
}
const APPS = {
  h1: [{}],
  h2c: [{ http2: true }],
  tls: [{ http2: true, https: tls }],
  unadvertised: [{ http2: true, https: tls }, { advertise: false }]
}

/** By the `id` that a client opened each with. */
const sockets = new Map()
/** Of Extended CONNECTs, those that are open and all that there were. */
const streams = new Set()
const connects = new WeakSet()
const connections = new WeakMap()
let lastConnection = 0
const complaints = []

const listening = await Promise.all(Object.entries(APPS).map(([name, options]) => listen(name, ...options)))
const COMMANDS = {
  close: ({ socket, code, reason }) => sockets.get(socket).close(code, reason),
  terminate: ({ socket }) => sockets.get(socket).terminate(),
  state: () => ({ streams: streams.size, sockets: sockets.size, complaints })
}

process.on('message', ({ id, do: name, ...args }) => process.send({ id, value: COMMANDS[name](args) ?? null }))
process.once('disconnect', () => process.exit())
process.send({ ports: Object.fromEntries(listening) })

async function listen (name, options, pluginOptions) {
  const app = fastify({ ...options, logger: { level: 'warn', stream: { write: complain } } })
  // Before Node's own listener, from within which the handler runs.
  app.server.prependListener('stream', streamOnServer)
  await app.register(websocket, { ...plugin, ...pluginOptions })
  addRoutes(app)
  await app.listen({ port: ports[name] ?? 0, host: '127.0.0.1' })
  return [name, app.server.address().port]
}

function addRoutes (app) {
  app.get('/echo', { websocket: { protocols: ['chat.v2', 'chat.v1'] } }, echo)
  app.get('/refused', {
    websocket: true,
    onRequest: async (_request, reply) => reply.code(401).send({ error: 'who are you' })
  }, echo)
  app.get('/', async (_request, reply) => {
    return reply.type('text/html').headers({ 'set-cookie': 'peer=yes', 'cache-control': 'no-store' }).send(PAGE)
  })
  app.get('/sockets.js', async (_request, reply) => reply.type('text/javascript').send(PAGE_SCRIPT))
  app.get('/connection', async ({ raw }) => String(connectionOf(raw)))
}

function echo (socket, { query, raw, headers }) {
  const { id } = query
  sockets.set(id, socket)
  process.send({
    about: `opened ${id}`,
    over: connects.has(raw.stream) ? CONNECT : UPGRADE,
    connection: connectionOf(raw),
    protocol: socket.protocol,
    origin: headers.origin,
    cookie: headers.cookie
  })
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.once('close', (code, reason) => {
    sockets.delete(id)
    process.send({ about: `closed ${id}`, code, reason: String(reason) })
  })
}

function streamOnServer (stream, headers) {
  if (headers[':protocol'] === undefined) return
  connects.add(stream)
  streams.add(stream)
  stream.once('close', () => streams.delete(stream))
}

/** A number for what carries a request. */
function connectionOf (raw) {
  const connection = raw.stream?.session ?? raw.socket
  if (!connections.has(connection)) connections.set(connection, ++lastConnection)
  return connections.get(connection)
}

function complain (line) {
  const { msg, err } = JSON.parse(line)
  complaints.push(err?.stack ?? msg)
}
