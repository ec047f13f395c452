import type { ClientRequest } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import type { ClientOptions } from 'ws'
import { whenEnded } from '../internals/http1.ts'
import { connectionOptionsOf } from '../options/passed-on.ts'
import { SharedSessions } from './shared-sessions.ts'
import { HANDSHAKE_TIMEOUT, connectTransport, useSession } from './transport.ts'
import type { ConnectionRequest, CreateConnection, Done, HandshakeTransport, Target } from './transport.ts'

/** Handshake that looks for its transport. */
interface Search {
  request: ClientRequest
  options: ConnectionRequest
  /** Resolves when the request has all of its header fields. */
  ended: Promise<void>
  /** Aborted with the request. */
  signal: AbortSignal
}

type FindTransport = (search: Search) => Promise<HandshakeTransport>

const sharedSessions = new SharedSessions()

/**
 * Returns the options with which ws performs its handshake over HTTP/1.1, on a connection of Node or of an `agent`.
 * Node's timeout of a request ignores connections that are open already, and starts again with every byte.
 */
export function overHttp1 (options: ClientOptions): ClientOptions {
  const { finishRequest = endRequest, handshakeTimeout = 0 } = options
  if (handshakeTimeout <= 0) return options
  return {
    ...options,
    finishRequest (request, socket) {
      finishRequest(request, socket)
      startHandshakeTimer(request, handshakeTimeout)
    }
  }
}

/**
 * Returns the options with which ws performs its handshake on a given session. The session sets :authority, and cannot
 * follow redirects to another server.
 */
export function overSession (session: ClientHttp2Session, options: ClientOptions): ClientOptions {
  const overrides = { setHost: false, followRedirects: false, agent: undefined }
  return negotiateOver({ ...options, ...overrides }, () => useSession(session))
}

/**
 * Returns the options with which ws performs its handshake over HTTP/2, or over HTTP/1.1 if the server does not offer
 * that.
 *
 * @param only '2' for HTTP/2 without a fallback to HTTP/1.1
 * @param isShared true to use, or open, a session that other sockets may use
 */
export function overHttp2 (options: ClientOptions, only: '2' | undefined, isShared: boolean): ClientOptions {
  const createConnection = options.createConnection as CreateConnection | undefined
  const shareable = connectionOptionsOf({ ...options, only })
  return negotiateOver(options, async ({ request, options, ended, signal }) => {
    const isSecure = request.protocol === 'https:'
    const target: Target = { isSecure, options, createConnection, only }
    if (!isShared || (!isSecure && only === undefined)) return await connectTransport(target, signal)
    // A session that is found now may have been closed by then.
    await ended
    return await sharedSessions.find(target, shareable, signal)
  })
}

/**
 * Returns the options with which ws performs its handshake over the transport that `findTransport` returns. ws accepts
 * a function that creates the connection, which Node allows to be asynchronous, and one that receives the request
 * before it is sent. So a stream can be opened with the fields of the request, and be passed to Node as its connection.
 */
function negotiateOver (options: ClientOptions, findTransport: FindTransport): ClientOptions {
  const { finishRequest = endRequest, handshakeTimeout = 0 } = options
  let connectionOptions: ConnectionRequest
  let done: Done

  return {
    ...options,
    createConnection: ((requested: ConnectionRequest, callback: Done) => {
      connectionOptions = requested
      done = callback
    }) as never,
    finishRequest (request, socket) {
      const ended = whenEnded(request)
      finishRequest(request, socket)
      startHandshakeTimer(request, handshakeTimeout)
      const signal = abortWith(request, (options as { signal?: AbortSignal }).signal)
      void attach(request, findTransport({ request, options: connectionOptions, ended, signal }), ended, done)
    }
  }
}

async function attach (
  request: ClientRequest, found: Promise<HandshakeTransport>, ended: Promise<void>, done: Done
): Promise<void> {
  try {
    const transport = await found
    await ended
    if (!request.destroyed) return done(null, transport.open(request))
    transport.abort()
    done(new Error('the request was aborted'))
  } catch (error) {
    done(error as Error)
  }
}

function endRequest (request: ClientRequest): void {
  request.end()
}

/**
 * Starts a timeout that includes connecting, in ms, unless it is 0. Node's timeout of a request starts when it has a
 * connection.
 */
function startHandshakeTimer (request: ClientRequest, timeout: number): void {
  if (timeout <= 0) return
  const timer = setTimeout(() => { if (!request.destroyed) request.emit('timeout') }, timeout)
  for (const event of ['upgrade', 'response', 'error', 'abort']) request.once(event, () => clearTimeout(timer))
}

/** Returns a signal that is aborted with a request, which Node cannot do to a connection that it does not have yet. */
function abortWith (request: ClientRequest, signal: AbortSignal | undefined): AbortSignal {
  const controller = new AbortController()
  let isLate = false
  const abort = (): void => controller.abort(isLate ? HANDSHAKE_TIMEOUT : undefined)
  request.once('timeout', () => { isLate = true })
  request.once('abort', abort)
  signal?.addEventListener('abort', abort, { once: true })
  request.once('close', () => signal?.removeEventListener('abort', abort))
  if (signal?.aborted === true) abort()
  return controller.signal
}
