/**
 * The server that the conformance suite drives: routes that do to a socket what handlers do, and a second server, of
 * plain HTTP, that tells what happened to each socket. Its one argument is JSON, its one line of output as well.
 */
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { generate } from 'selfsigned'
import websocket from '../../dist/index.js'

const NODE = Number.parseInt(process.versions.node)
const WAIT = 5000
/** A flood is not worth remembering. */
const MOST_EVENTS = 100

const { tls = false, plugin = {}, sockets = true } = JSON.parse(process.argv[2] ?? '{}')

/** What happened to each socket, in words, by the `id` that it was opened with. */
const events = new Map()
const happened = new EventEmitter().setMaxListeners(0)
const errors = []
const streams = new Set()
const connections = new Set()

const app = fastify({ http2: true, ...(tls && { https: await createTls() }), logger: createLogger() })
await app.register(websocket, plugin)
if (sockets) addSockets()
app.get('/plain', () => 'plain')
follow(tls ? 'secureConnection' : 'connection', connections)
follow('stream', streams)
await app.listen({ port: 0, host: '127.0.0.1' })

const control = createServer(controlOnRequest)
control.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: app.server.address().port, control: control.address().port, node: NODE }))
})
process.stdin.resume().once('end', () => process.exit())

function addSockets () {
  socket('/echo', {}, echo)
  socket('/small', { websocket: { maxPayload: 1024, maxFragments: 8 } }, echo)
  socket('/protocols', { websocket: { protocols: ['v2', 'v1'] } }, (socket) => socket.send(`speaks ${socket.protocol}`))
  socket('/impatient', { websocket: { closeTimeout: 300 } }, (socket) => socket.once('message', () => socket.close(4000)))
  socket('/deaf', { websocket: { closeTimeout: 300 } }, (socket) => socket.pause())
  socket('/close', {}, (socket, { query }) => socket.close(Number(query.code ?? 1000), query.reason))
  socket('/terminate', {}, (socket) => socket.once('message', () => socket.terminate()))
  socket('/throw', {}, async () => { throw new Error('a handler that throws') })
  socket('/ping', {}, (socket) => socket.ping('are you there'))
  socket('/push', {}, (socket, { query }) => {
    socket.send(Buffer.alloc(Number(query.bytes)))
    if (query.close !== undefined) socket.close(4001, 'all sent')
  })
  socket('/pause', {}, (socket, { query }) => {
    socket.pause()
    const resume = () => socket.resume()
    happened.once(`go ${query.id}`, resume)
    socket.once('close', () => happened.off(`go ${query.id}`, resume))
  })
  socket('/items/:id', {}, (socket, { params, query }) => socket.send(`${params.id} ${JSON.stringify(query)}`))
  socket('/fields', {
    onRequest: async (_request, reply) => {
      reply.header('set-cookie', ['a=1', 'b=2']).header('x-hook', 'here').header('connection', 'upgrade').header('content-length', '5')
    }
  }, echo)
  socket('/held', { preValidation: async ({ query }) => { await once(happened, `go ${query.id}`) } }, echo)
  socket('/never', { preValidation: () => new Promise(() => {}) }, echo)
  socket('/refuse', {
    onRequest: async ({ query }, reply) => reply.code(Number(query.status)).header('location', '/elsewhere').send('no')
  }, echo)
  socket('/fail', { onRequest: async () => { throw Object.assign(new Error('of a hook'), { statusCode: 418 }) } }, echo)
  socket('/from-here', {
    onRequest: async ({ headers, host }, reply) => {
      const origin = headers.origin
      if (origin !== undefined && new URL(origin).host !== host) await reply.code(403).send()
    }
  }, (socket, { headers, host }) => socket.send(JSON.stringify({ host, cookie: headers.cookie })))
}

function socket (url, options, handler) {
  app.get(url, { websocket: true, ...options }, (socket, request) => {
    record(socket, request.query.id)
    return handler(socket, request)
  })
}

function record (socket, id) {
  if (id === undefined) return
  const words = eventsOf(id)
  const say = (word) => {
    if (words.length === MOST_EVENTS) return
    words.push(word.trimEnd())
    happened.emit(`event ${id}`)
  }
  say('open')
  socket.on('message', (data, isBinary) => say(`message ${isBinary ? 'binary' : 'text'} ${data.length}`))
  socket.on('ping', (data) => say(`ping ${data}`))
  socket.on('pong', (data) => say(`pong ${data}`))
  socket.on('close', (code, reason) => say(`close ${code} ${reason}`))
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
  /** What happened to the socket, once there are as many events, or after WAIT. */
  async '/events' (params) {
    const id = params.get('id')
    const late = AbortSignal.timeout(WAIT)
    while (eventsOf(id).length < Number(params.get('count')) && !late.aborted) {
      await once(happened, `event ${id}`, { signal: late }).catch(() => {})
    }
    return eventsOf(id)
  },
  '/go' (params) { happened.emit(`go ${params.get('id')}`) },
  '/stop' () { app.close() },
  '/state' () { return report() },
  /** The same, once no more streams than that are open, or after WAIT. */
  async '/emptied' (params) {
    const end = Date.now() + WAIT
    const most = Number(params.get('most'))
    while ((streams.size > most || app.websocketServer.clients.size > most) && Date.now() < end) await sleep(5)
    return report()
  },
  /** The same, of a process that has thrown away what it does not need. */
  async '/collected' () {
    for (let turn = 0; turn < 3; turn++) {
      globalThis.gc()
      await sleep(20)
    }
    return report()
  }
}

function report () {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return {
    errors,
    streams: streams.size,
    connections: connections.size,
    sockets: app.websocketServer.clients.size,
    heap: heapUsed,
    buffers: arrayBuffers
  }
}

function follow (event, open) {
  app.server.on(event, (each) => {
    open.add(each)
    each.once('close', () => open.delete(each))
  })
}

/** Keeps what is logged as an error: nothing that a client does may be one. */
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
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
  return { key, cert, allowHTTP1: true }
}
