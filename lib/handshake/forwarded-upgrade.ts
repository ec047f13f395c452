import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { FastifyBaseLogger } from 'fastify'
import type { UpgradeHandler } from '../../types/index.ts'
import { toError } from '../error-handling.ts'
import { FST_WS_INVALID_RESPONSE } from '../errors.ts'
import type { HeadWriter } from '../http2/stream-sender.ts'
import type { StreamHandshake, StreamSocket } from '../http2/stream-socket.ts'
import { hookMethods } from '../internals/streams.ts'
import { isPromise } from '../options/validate.ts'
import { toUpgradeRequest } from './forwarded-request.ts'
import { hasKey, responseToHttp2 } from './headers.ts'
import { respond } from './respond.ts'
import { ResponseHeadReader } from './response-head.ts'
import type { ResponseHead } from './response-head.ts'
import { addSocketMembers } from './socket-members.ts'

const NOTHING = Buffer.alloc(0)

/** Time, in ms, in which a peer that has ended its side has to accept something: the default of ws's `closeTimeout`. */
const CLOSE_TIMEOUT = 30_000

const BAD_GATEWAY = 502
const INTERNAL_SERVER_ERROR = 500
const SERVICE_UNAVAILABLE = 503

/** Settings of the upgrades that are forwarded to a handler. */
export interface Forwarding {
  handler: UpgradeHandler
  /** Time limit of the response, in ms; 0 disables it. */
  timeout: number
  /** Receives errors of the handler. */
  onError: (error: Error, request: IncomingMessage) => void
  log?: FastifyBaseLogger
}

/**
 * Passes an Extended CONNECT to a handler of HTTP/1.1 upgrades. Its first response head is converted to that of the
 * stream, as by a gateway between the two versions: 101 opens the socket, any other status refuses it, without its
 * body. What follows a 101 is passed through.
 */
export function forwardUpgrade (connect: Http2ServerRequest, streamSocket: StreamSocket, forwarding: Forwarding): void {
  addSocketMembers(streamSocket)
  new ForwardedUpgrade(connect, streamSocket, forwarding).start()
}

/** Handshake of a stream that a handler of HTTP/1.1 upgrades answers. */
class ForwardedUpgrade implements HeadWriter, StreamHandshake {
  readonly #streamSocket: StreamSocket
  readonly #forwarding: Forwarding
  readonly #request: IncomingMessage
  readonly #reader: ResponseHeadReader
  readonly #sentKey: boolean
  readonly #streamOnFinish = (): void => this.#refuse(BAD_GATEWAY)
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor (connect: Http2ServerRequest, streamSocket: StreamSocket, forwarding: Forwarding) {
    this.#streamSocket = streamSocket
    this.#forwarding = forwarding
    this.#request = toUpgradeRequest(connect, streamSocket.stream)
    this.#reader = new ResponseHeadReader(connect.url)
    this.#sentKey = hasKey(connect.headers)
  }

  start (): void {
    const { handler, timeout } = this.#forwarding
    this.#streamSocket.writer.head = this
    this.#streamSocket.handshake = this
    if (timeout > 0) this.#timer = setTimeout(refuseLate, timeout, this)
    this.#stream.on('finish', this.#streamOnFinish)
    callHandler(handler, [this.#request, this.#stream, NOTHING], (error) => this.#fail(error))
  }

  writeHead (chunk: string | Buffer, encoding: BufferEncoding): Buffer | undefined {
    // Also within respond(), which passes on what was corked.
    if (this.#hasEnded || this.#isAnswered) return undefined
    try {
      const head = this.#reader.read(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
      return head && this.#answer(head)
    } catch (error) {
      this.#refuse(BAD_GATEWAY)
      this.#forwarding.onError(toError(error, 'the response to an upgrade'), this.#request)
      return undefined
    }
  }

  onStreamClose (): void {
    this.#end()
  }

  refuseLate (): void {
    if (this.#isAnswered) return
    logUnanswered(this.#forwarding.log, this.#request)
    this.#refuse(SERVICE_UNAVAILABLE)
  }

  get #isAnswered (): boolean {
    const { headersSent, closed, destroyed } = this.#stream
    return headersSent || closed || destroyed
  }

  /** Returns the bytes to send, or undefined if the handshake is refused: then all that follows is discarded. */
  #answer ({ text, status, rest }: ResponseHead): Buffer | undefined {
    // Over HTTP/2 every 2xx would open the socket. RFC 9110 section 15: an invalid status is a server error.
    if (isInvalid(status)) throw new FST_WS_INVALID_RESPONSE(this.#request.url!, `the status ${status}`)

    const { headers } = responseToHttp2(text, this.#sentKey, true)
    if (headers[':status'] !== '200') {
      this.#respondOnly(headers)
      return undefined
    }
    this.#end()
    respond(this.#stream, headers, { endStream: false })
    this.#streamSocket.destroyAfterEnd(CLOSE_TIMEOUT)
    return rest
  }

  #refuse (status: number): void {
    if (!this.#isAnswered) this.#respondOnly({ ':status': status })
  }

  /** Responds without a body, and ends the stream. The handler may still write one. */
  #respondOnly (headers: OutgoingHttpHeaders): void {
    this.#end()
    hookMethods(this.#stream, { write: discard })
    respond(this.#stream, headers, { endStream: true })
  }

  #fail (error: Error): void {
    if (this.#isAnswered) this.#stream.destroy()
    else this.#refuse(INTERNAL_SERVER_ERROR)
    this.#forwarding.onError(error, this.#request)
  }

  /** Ends the handshake. An open socket lives long, and no longer needs it. */
  #end (): void {
    this.#hasEnded = true
    clearTimeout(this.#timer)
    this.#stream.off('finish', this.#streamOnFinish)
    this.#streamSocket.handshake = undefined
  }

  get #stream (): ServerHttp2Stream {
    return this.#streamSocket.stream as ServerHttp2Stream
  }
}

/** Calls a handler of upgrades, which may be an async function. */
export function callHandler (
  handler: UpgradeHandler, parameters: Parameters<UpgradeHandler>, onError: (error: Error) => void
): void {
  const fail = (error: unknown): void => onError(toError(error, 'a handler of upgrades'))
  try {
    const result: unknown = handler(...parameters)
    if (isPromise(result)) Promise.resolve(result).catch(fail)
  } catch (error) {
    fail(error)
  }
}

/** Logs an upgrade that no server answered in time. */
export function logUnanswered (log: FastifyBaseLogger | undefined, { url }: IncomingMessage): void {
  log?.info({ url }, 'no server on the port answered an upgrade within handshakeTimeout: 503 sent')
}

/** Discards what a handler writes to a stream that has been answered. */
function discard (_chunk: unknown, ...parameters: unknown[]): boolean {
  const callback = parameters.at(-1)
  if (typeof callback === 'function') process.nextTick(callback as () => void)
  return true
}

function isInvalid (status: number): boolean {
  return (status >= 200 && status < 300) || status >= 600
}

function refuseLate (upgrade: ForwardedUpgrade): void {
  upgrade.refuseLate()
}
