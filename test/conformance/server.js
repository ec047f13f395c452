/**
 * The server under test: routes whose handlers use sockets in different ways, and a control server over HTTP that reports
 * the events of each socket. Its one argument is JSON. It prints one line of JSON: its ports and Node's major version.
 */
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { createCertificate } from '../helpers/certificate.js'

const NODE = Number.parseInt(process.versions.node)
/** Limits how long the control server waits, in ms. */
const TIMEOUT = 5000
/** Limits the memory that a flood occupies. */
const MAX_EVENTS = 100

const { tls = false, plugin = {}, sockets = true } = JSON.parse(process.argv[2] ?? '{}')

/** The events of each socket, described in text, by the `id` in the query of its handshake. */
const events = new Map()
const emitter = new EventEmitter().setMaxListeners(0)
const errors = []
const streams = new Set()
const connections = new Set()

const app = fastify({ http2: true, ...(tls && { https: await createTls() }), logger: createLogger() })
await app.register(websocket, plugin)
if (sockets) addSocketRoutes()
app.get('/plain', () => 'plain')
track(tls ? 'secureConnection' : 'connection', connections)
track('stream', streams)
await app.listen({ port: 0, host: '127.0.0.1' })

const control = createServer(controlOnRequest)
control.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: app.server.address().port, control: control.address().port, node: NODE }))
})
process.stdin.resume().once('end', () => process.exit())

function addSocketRoutes () {
  addSocketRoute('/echo', {}, echo)
  addSocketRoute('/small', { websocket: { maxPayload: 1024, maxFragments: 8 } }, echo)
  addSocketRoute('/protocols', { websocket: { protocols: ['v2', 'v1'] } }, (socket) => socket.send(`subprotocol ${socket.protocol}`))
  addSocketRoute('/close-on-message', { websocket: { closeTimeout: 300 } }, (socket) => socket.once('message', () => socket.close(4000)))
  addSocketRoute('/always-paused', { websocket: { closeTimeout: 300 } }, (socket) => socket.pause())
  addSocketRoute('/close', {}, (socket, { query }) => socket.close(Number(query.code ?? 1000), query.reason))
  addSocketRoute('/terminate', {}, (socket) => socket.once('message', () => socket.terminate()))
  addSocketRoute('/throw', {}, async () => { throw new Error('a handler that throws') })
  addSocketRoute('/ping', {}, (socket) => socket.ping('are you there'))
  addSocketRoute('/push', {}, (socket, { query }) => {
    socket.send(Buffer.alloc(Number(query.bytes)))
    if (query.close !== undefined) socket.close(4001, 'all sent')
  })
  addSocketRoute('/pause', {}, (socket, { query }) => {
    socket.pause()
    const resume = () => socket.resume()
    emitter.once(`release ${query.id}`, resume)
    socket.once('close', () => emitter.off(`release ${query.id}`, resume))
  })
  addSocketRoute('/items/:id', {}, (socket, { params, query }) => socket.send(`${params.id} ${JSON.stringify(query)}`))
  addSocketRoute('/fields', {
    onRequest: async (_request, reply) => {
      reply.header('set-cookie', ['a=1', 'b=2']).header('x-hook', 'here').header('connection', 'upgrade').header('content-length', '5')
    }
  }, echo)
  addSocketRoute('/deferred', { preValidation: async ({ query }) => { await once(emitter, `release ${query.id}`) } }, echo)
  addSocketRoute('/never-answers', { preValidation: () => new Promise(() => {}) }, echo)
  addSocketRoute('/refuse', {
    onRequest: async ({ query }, reply) => reply.code(Number(query.status)).header('location', '/elsewhere').send('no')
  }, echo)
  addSocketRoute('/fail', { onRequest: async () => { throw Object.assign(new Error('of a hook'), { statusCode: 418 }) } }, echo)
  addSocketRoute('/same-origin', {
    websocket: { origin: false },
    onRequest: async ({ headers, host }, reply) => {
      const origin = headers.origin
      if (origin !== undefined && new URL(origin).host !== host) await reply.code(403).send()
    }
  }, (socket, { headers, host }) => socket.send(JSON.stringify({ host, cookie: headers.cookie })))
}

function addSocketRoute (url, options, handler) {
  app.get(url, { websocket: true, ...options }, (socket, request) => {
    recordEvents(socket, request.query.id)
    return handler(socket, request)
  })
}

function recordEvents (socket, id) {
  if (id === undefined) return
  const recorded = eventsOf(id)
  const record = (event) => {
    if (recorded.length === MAX_EVENTS) return
    recorded.push(event.trimEnd())
    emitter.emit(`event ${id}`)
  }
  record('open')
  socket.on('message', (data, isBinary) => record(`message ${isBinary ? 'binary' : 'text'} ${data.length}`))
  socket.on('ping', (data) => record(`ping ${data}`))
  socket.on('pong', (data) => record(`pong ${data}`))
  socket.on('close', (code, reason) => record(`close ${code} ${reason}`))
}

function echo (socket) {
  socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
}

function eventsOf (id) {
  if (!events.has(id)) events.set(id, [])
  return events.get(id)
}

async function controlOnRequest (request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://control')
  const answer = await CONTROLS[pathname](searchParams)
  response.end(JSON.stringify(answer ?? null))
}

const CONTROLS = {
  /** Returns the events of a socket, as soon as there are `count`, or after TIMEOUT. */
  async '/events' (params) {
    const id = params.get('id')
    const timeout = AbortSignal.timeout(TIMEOUT)
    while (eventsOf(id).length < Number(params.get('count')) && !timeout.aborted) {
      await once(emitter, `event ${id}`, { signal: timeout }).catch(() => {})
    }
    return eventsOf(id)
  },
  '/release' (params) { emitter.emit(`release ${params.get('id')}`) },
  '/stop' () { app.close() },
  '/state' () { return getState() },
  /** Returns the state, as soon as at most `max` streams and sockets are open, or after TIMEOUT. */
  async '/settled' (params) {
    const end = Date.now() + TIMEOUT
    const max = Number(params.get('max'))
    while ((streams.size > max || app.websocketServer.clients.size > max) && Date.now() < end) await sleep(5)
    return getState()
  },
  /** Returns the state after a garbage collection. */
  async '/after-gc' () {
    for (let turn = 0; turn < 3; turn++) {
      globalThis.gc()
      await sleep(20)
    }
    return getState()
  }
}

function getState () {
  const { heapUsed, arrayBuffers, external } = process.memoryUsage()
  return {
    errors,
    streams: streams.size,
    connections: connections.size,
    sockets: app.websocketServer.clients.size,
    heap: heapUsed,
    buffers: arrayBuffers,
    // Node includes the buffers.
    external: external - arrayBuffers
  }
}

function track (event, open) {
  app.server.on(event, (resource) => {
    open.add(resource)
    resource.once('close', () => open.delete(resource))
  })
}

/** Records messages logged as errors: no behaviour of a client may cause one. */
function createLogger () {
  return {
    level: 'error',
    stream: {
      write (line) {
        const { msg, err } = JSON.parse(line)
        if (err?.message !== 'a handler that throws') errors.push(err?.stack ?? msg)
      }
    }
  }
}

async function createTls () {
  return { ...await createCertificate(), allowHTTP1: true }
}
