import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api'
import { RPCType, setRPCMetadata } from '@opentelemetry/core'

const SOCKET_CLOSE = 'fastify-websocket-h2:socket:close'

/**
 * Traces WebSocket handshakes and sockets, of all applications of the process. Call it after the SDK of OpenTelemetry
 * has been started. Returns a function that stops it.
 *
 * - One span per handshake, of kind SERVER. Hooks and the handler run in its context, so their spans are its children.
 * - One span per socket, in a trace of its own that is linked to the handshake: a socket can be open for days, and
 *   many backends do not display a trace that is this long. It is created when the socket closes.
 */
export function traceWebsockets () {
  const tracer = trace.getTracer('fastify-websocket-h2')
  const handshakes = tracingChannel('fastify-websocket-h2.handshake')
  const storage = readContextStorage()
  const spans = new WeakMap()
  const spanContexts = new WeakMap()

  /** Starts the span of a handshake. Returns the context that the handshake runs in. */
  function startHandshake (message) {
    const { headers, method, url } = message.rawRequest
    const active = context.active()
    const parent = trace.getSpan(active) ? active : propagation.extract(active, headers)
    const span = tracer.startSpan(method, {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': method,
        'network.protocol.name': 'http',
        'network.protocol.version': message.httpVersion,
        'url.path': url.split('?')[0]
      }
    }, parent)
    spans.set(message, span)
    // @fastify/otel then has the kind INTERNAL for its span of the request, which is a child of this one.
    return setRPCMetadata(trace.setSpan(parent, span), { type: RPCType.HTTP, span })
  }

  function endHandshake (message) {
    const { socket, request, route, httpVersion, status = httpVersion === '2' ? 200 : 101, cause } = message
    const span = spans.get(message)
    if (span === undefined) return
    if (route !== undefined) span.setAttribute('http.route', route).updateName(`GET ${route}`)
    if (socket !== undefined) {
      spanContexts.set(socket, span.spanContext())
      // @fastify/otel ends its span when a reply is sent, and the handshake that opens a socket has none.
      request.opentelemetry?.().span?.setAttribute('http.response.status_code', status).end()
    } else {
      span.setAttribute('websocket.refusal.cause', cause)
    }
    // A client that left has received no status.
    if (socket !== undefined || message.status !== undefined) span.setAttribute('http.response.status_code', status)
    if (message.status >= 500) {
      span.setAttribute('error.type', cause).setStatus({ code: SpanStatusCode.ERROR, message: message.error.message })
    }
    span.end()
  }

  function traceSocket ({ socket, route, httpVersion, code, closedBy, duration, ...traffic }) {
    const handshake = spanContexts.get(socket)
    tracer.startSpan(`WebSocket ${route}`, {
      kind: SpanKind.SERVER,
      root: true,
      startTime: new Date(Date.now() - duration),
      links: handshake === undefined ? [] : [{ context: handshake }],
      attributes: {
        'http.route': route,
        'network.protocol.version': httpVersion,
        'websocket.close.code': code,
        'websocket.closed_by': closedBy,
        'websocket.messages.received': traffic.messagesReceived,
        'websocket.messages.sent': traffic.messagesSent,
        'websocket.bytes.received': traffic.bytesReceived,
        'websocket.bytes.sent': traffic.bytesSent
      }
    }).end()
  }

  handshakes.start.bindStore(storage, startHandshake)
  handshakes.asyncEnd.subscribe(endHandshake)
  subscribe(SOCKET_CLOSE, traceSocket)
  return () => {
    handshakes.start.unbindStore(storage)
    handshakes.asyncEnd.unsubscribe(endHandshake)
    unsubscribe(SOCKET_CLOSE, traceSocket)
  }
}

/**
 * Returns the AsyncLocalStorage of OpenTelemetry's contexts, to which a channel can be bound. OpenTelemetry has no
 * documented access to it: these are members of @opentelemetry/api 1 and of @opentelemetry/context-async-hooks 2.
 */
function readContextStorage () {
  const { _asyncLocalStorage: storage } = context._getContextManager()
  if (storage === undefined) throw new Error('Start the SDK of OpenTelemetry 2 before traceWebsockets() is called')
  return storage
}
