import { setImmediate as nextTurn } from 'node:timers/promises'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { HandshakeRefusedMessage, SocketCloseMessage, WebsocketPluginOptions } from '../../index.ts'
import { TRANSPORTS } from '../helpers/beside.ts'
import { record } from '../helpers/channels.ts'
import { addEcho } from '../helpers/echo.ts'
import { start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { nextText, waitUntil } from '../helpers/waiting.ts'

// A variable path: the examples are JavaScript without types.
const { traceWebsockets } = await import(String(new URL('../../examples/metrics/opentelemetry.js', import.meta.url))) as
  { traceWebsockets: () => () => void }

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

const exporter = new InMemorySpanExporter()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
const tracer = trace.getTracer('test')

for (const transport of TRANSPORTS) {
  const [version, status] = transport.httpVersion === '2.0' ? ['2', 200] : ['1.1', 101]

  void t.test(`${transport.name}: OpenTelemetry has one span of a handshake, and the spans of hooks and handlers are its children`, async (t) => {
    const { open } = await startTraced(t, transport, (app) => {
      app.get('/rooms/:room', { websocket: true, preHandler }, async () => {
        tracer.startSpan('handler').end()
        await nextTurn()
        tracer.startSpan('later').end()
      })
    })
    const socket = await open('/rooms/tea?token=secret', { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } })
    const [handshake, ...children] = await spans('GET /rooms/:room', 'hook', 'handler', 'later')
    t.match(handshake, {
      kind: SpanKind.SERVER,
      status: { code: SpanStatusCode.UNSET },
      parentSpanContext: { traceId: TRACE, spanId: PARENT }
    })
    t.same(handshake!.attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': status,
      'http.route': '/rooms/:room',
      'network.protocol.name': 'http',
      'network.protocol.version': version,
      'url.path': '/rooms/tea'
    })
    for (const child of children) t.equal(parentOf(child), handshake, child.name)
    t.equal(exporter.getFinishedSpans().length, 4)
    socket.terminate()
  })

  void t.test(`${transport.name}: OpenTelemetry has a span of a closed socket, which links to its handshake`, async (t) => {
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const { open } = await startTraced(t, transport, addEcho)
    const socket = await open('/echo')
    socket.send('hello')
    await nextText(socket)
    const [handshake] = await spans('GET /echo')
    t.equal(exporter.getFinishedSpans().length, 1, 'no span is created while the socket is open')
    socket.close(4001)
    await ends.next()

    const [closed] = await spans('WebSocket /echo')
    t.equal(closed!.parentSpanContext, undefined)
    t.not(closed!.spanContext().traceId, handshake!.spanContext().traceId)
    t.same(closed!.links.map(({ context }) => context), [handshake!.spanContext()])
    t.same(closed!.attributes, {
      'http.route': '/echo',
      'network.protocol.version': version,
      'websocket.close.code': 4001,
      'websocket.closed_by': 'client',
      'websocket.messages.received': 1,
      'websocket.messages.sent': 1,
      'websocket.bytes.received': 5,
      'websocket.bytes.sent': 5
    })
  })

  void t.test(`${transport.name}: OpenTelemetry has a trace of its own for each handshake of a client`, async (t) => {
    const { open } = await startTraced(t, transport, (app) => {
      addEcho(app)
      app.get('/other', { websocket: true }, () => {})
    })
    const echo = await open('/echo')
    echo.send('hello')
    await nextText(echo)
    await open('/other')
    const [first, second] = await spans('GET /echo', 'GET /other')
    t.same([first!.parentSpanContext, second!.parentSpanContext], [undefined, undefined])
    t.not(first!.spanContext().traceId, second!.spanContext().traceId)
  })

  void t.test(`${transport.name}: OpenTelemetry: a listener for 'message' does not run in the context of the handshake`, async (t) => {
    const { open } = await startTraced(t, transport, (app) => {
      app.get('/listen', { websocket: true }, (socket) => {
        socket.on('message', (data) => {
          tracer.startSpan('message').end()
          socket.send(data)
        })
      })
    })
    const [one, two] = [await open('/listen'), await open('/listen')]
    for (const socket of [one, two, one]) {
      socket.send('hello')
      await nextText(socket)
    }
    const messages = exporter.getFinishedSpans().filter(({ name }) => name === 'message')
    t.same(messages.map(({ parentSpanContext }) => parentSpanContext), [undefined, undefined, undefined])
  })

  for (const [cause, path, refusal, code] of [
    ['reply', '/private', 401, SpanStatusCode.UNSET],
    ['no_route', '/nowhere', 404, SpanStatusCode.UNSET],
    ['reply', '/broken', 500, SpanStatusCode.ERROR],
    ['max_sockets', '/echo', 503, SpanStatusCode.ERROR]
  ] as const) {
    void t.test(`${transport.name}: OpenTelemetry has a span of a handshake that is refused with ${refusal} (${cause})`, async (t) => {
      const { open, refused } = await startTraced(t, transport, addRefusing, { maxSockets: 1 })
      if (cause === 'max_sockets') {
        await open('/echo')
        exporter.reset()
      }
      const seen = record<HandshakeRefusedMessage>(t, 'handshake:refused')
      await Promise.all([refused(path), seen.next()])
      await waitUntil(() => exporter.getFinishedSpans().length > 0)
      const [span, ...others] = exporter.getFinishedSpans()
      t.match(span, {
        name: cause === 'reply' ? `GET ${path}` : 'GET',
        status: { code },
        attributes: { 'http.response.status_code': refusal, 'websocket.refusal.cause': cause }
      })
      t.equal(span!.attributes['error.type'], refusal < 500 ? undefined : cause)
      t.same(others, [])
    })
  }

  for (const registered of ['at initialization', 'after the plugin']) {
    void t.test(`${transport.name}: @fastify/otel, registered ${registered}, has one span of a handshake, the child of ours`, async (t) => {
      const otel = new FastifyOtelInstrumentation({ registerOnInitialization: registered === 'at initialization' })
      t.teardown(() => otel.disable())
      const { open, refused } = await startTraced(t, transport, async (app) => {
        if (registered === 'after the plugin') await app.register(otel.plugin())
        app.get('/rooms/:room', { websocket: true }, function room () { tracer.startSpan('handler').end() })
        app.get('/private', { websocket: true, onRequest: async (_request, reply) => await reply.code(401).send() }, () => {})
      })
      const socket = await open('/rooms/tea')
      const [handshake, request, handler] = await spans('GET /rooms/:room', 'request', 'handler')
      t.equal(parentOf(request!), handshake)
      t.same([handshake!.kind, request!.kind], [SpanKind.SERVER, SpanKind.INTERNAL])
      t.equal(request!.attributes['http.response.status_code'], status)
      t.ok(ancestorsOf(handler!).includes(request!), 'the handler runs in the span of the request')
      const named = (name: string): number => exporter.getFinishedSpans().filter((span) => span.name === name).length
      t.same([named('GET /rooms/:room'), named('request')], [1, 1])

      exporter.reset()
      await refused('/private')
      const [refusal, inner] = await spans('GET /private', 'request')
      t.equal(parentOf(inner!), refusal)
      t.equal(inner!.attributes['http.response.status_code'], 401)
      t.equal(named('request'), 1)
      socket.terminate()
    })
  }
}

void t.test('OpenTelemetry has no spans of sockets after the tracing has been stopped', async (t) => {
  const { open, stop } = await startTraced(t, TRANSPORTS[0]!, addEcho)
  stop()
  const ends = record<SocketCloseMessage>(t, 'socket:close')
  const socket = await open('/echo')
  socket.terminate()
  await ends.next()
  t.same(exporter.getFinishedSpans(), [])
})

async function preHandler (): Promise<void> {
  await nextTurn()
  tracer.startSpan('hook').end()
}

function addRefusing (app: FastifyInstance): void {
  addEcho(app)
  app.get('/private', { websocket: true, onRequest: async (_request, reply) => await reply.code(401).send() }, () => {})
  app.get('/broken', { websocket: true, onRequest: async () => { throw new Error('broken') } }, () => {})
}

/** Starts a server that is traced until the test ends. */
async function startTraced (
  t: Test, transport: Transport, routes: (app: FastifyInstance) => unknown, options: WebsocketPluginOptions = {}
): Promise<Fixture & { stop: () => void }> {
  exporter.reset()
  const stop = traceWebsockets()
  t.teardown(stop)
  return Object.assign(Object.create(await start(t, transport, routes, options)) as Fixture, { stop })
}

/** Waits until spans with these names have ended. Returns the first one of each name. */
async function spans (...names: string[]): Promise<ReadableSpan[]> {
  const find = (): Array<ReadableSpan | undefined> => {
    return names.map((name) => exporter.getFinishedSpans().find((span) => span.name === name))
  }
  await waitUntil(() => !find().includes(undefined), `spans: ${names.join(', ')}`)
  return find() as ReadableSpan[]
}

function parentOf ({ parentSpanContext }: ReadableSpan): ReadableSpan | undefined {
  return exporter.getFinishedSpans().find((span) => span.spanContext().spanId === parentSpanContext?.spanId)
}

function ancestorsOf (span: ReadableSpan): ReadableSpan[] {
  const parent = parentOf(span)
  return parent === undefined ? [] : [parent, ...ancestorsOf(parent)]
}
