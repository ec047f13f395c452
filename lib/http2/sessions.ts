import { constants } from 'node:http2'
import type { Http2Server, Http2Session, Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { ChunkReader, Inflow } from './stream-receiver.ts'
import { clearSessionTimeout, readServerSettings } from '../internals/http2.ts'
import { hookMethods, nodePush } from '../internals/streams.ts'
import { nextTurn } from '../next-turn.ts'
import { ReceiveWindow } from './window-tuner.ts'
import { SendBudget } from './send-budget.ts'
import { resetStream } from './stream-socket.ts'
import { completeSizes } from '../options/receive-window.ts'
import type { ReceiveWindowSizes } from '../options/receive-window.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM } = constants

const kInflow = Symbol('fastify-websocket-h2.inflow')
const kSession = Symbol('fastify-websocket-h2.session')

const CONNECTION_EVENTS = ['connection', 'secureConnection']

/** What carries a server's sessions: `session.socket` is a Proxy that does not allow `destroy()`. */
const connections = new WeakMap<Http2Session, Duplex>()

type CountedStream = Http2Stream & { [kInflow]: Inflow, [kSession]: Session }

/** Returns the connection that carries a socket: that of its session over HTTP/2. Undefined once it is unknown. */
export function connectionOf (carrier: Duplex): Duplex | undefined {
  if (!('session' in carrier)) return carrier
  const { session } = carrier as Http2Stream
  return session === undefined ? undefined : connections.get(session)
}

/** What holds for every session of a server, or of a client. */
export interface SessionOptions {
  receiveWindow: Partial<ReceiveWindowSizes>
  /** Time, in ms, after which an idle session is closed; 0 is never. Without it that is left to who made it. */
  timeout?: number
  log?: FastifyBaseLogger
}

/** The HTTP/2 sessions of a server or client, and what its sockets share in each. */
export class Sessions {
  readonly #options: SessionOptions
  readonly #open = new Map<Http2Session, Session>()
  #isClosing = false

  constructor (options: SessionOptions) {
    this.#options = options
  }

  /** Returns what ends it. */
  track (server: Http2Server): () => void {
    const initial = readServerSettings(server).initialWindowSize
    let connection: Duplex
    const serverOnConnection = (socket: Duplex): void => { connection = socket }
    // Node makes the session of a connection within the event that brings it.
    const serverOnSession = (session: Http2Session): void => {
      connections.set(session, connection)
      this.#add(session, initial)
    }
    const serverOnStream = (stream: Http2Stream): void => {
      if (!stream.endAfterHeaders) this.forStream(stream)?.addStream(stream)
    }
    for (const event of CONNECTION_EVENTS) server.prependListener(event, serverOnConnection)
    server.on('session', serverOnSession)
    server.on('stream', serverOnStream)
    return () => {
      for (const event of CONNECTION_EVENTS) server.off(event, serverOnConnection)
      server.off('session', serverOnSession).off('stream', serverOnStream)
    }
  }

  /** The session of a stream; undefined where another listener of the same event has ended it. */
  forStream ({ session }: Http2Stream): Session | undefined {
    return session === undefined ? undefined : this.#open.get(session) ?? this.#add(session)
  }

  /** Sends GOAWAY on each session once it has no socket: some clients drop all sockets of a session that gets one. */
  drain (): void {
    for (const session of this.#open.values()) session.drain()
  }

  /** Sends GOAWAY on every session, which before Node 24 `server.close()` does not. Each ends with its last stream. */
  close (): void {
    this.#isClosing = true
    for (const session of this.#open.keys()) session.close()
  }

  destroy (): void {
    for (const session of this.#open.keys()) session.destroy()
  }

  #add (session: Http2Session, initial = session.localSettings.initialWindowSize): Session {
    const added = new Session(session, completeSizes({ ...this.#options.receiveWindow, initial }), this.#options)
    this.#open.set(session, added)
    session.once('close', () => {
      this.#open.delete(session)
      clearSessionTimeout(session)
    })
    // A TLS handshake may end after the server has been closed.
    if (this.#isClosing) nextTurn(closeSession, session)
    return added
  }
}

/** What the sockets of one HTTP/2 session share. */
export class Session {
  readonly sendBudget = new SendBudget()
  readonly #session: Http2Session
  readonly #options: SessionOptions
  readonly #receiveWindow: ReceiveWindow
  #sockets = 0
  #isDraining = false
  readonly #refuse = (stream: Http2Stream): void => {
    this.#options.log?.warn({ streamId: stream.id }, 'a client sent more than sessionBudget ahead: stream reset')
    nextTurn(resetStream, stream, NGHTTP2_ENHANCE_YOUR_CALM)
  }

  constructor (session: Http2Session, sizes: ReceiveWindowSizes, options: SessionOptions) {
    this.#session = session
    this.#options = options
    this.#receiveWindow = new ReceiveWindow(session, sizes)
  }

  /**
   * Has a stream that plays a socket: without messages its session is not idle.
   *
   * @param reader sees all that the stream brings
   */
  addSocket (stream: Http2Stream, reader?: ChunkReader): void {
    this.addStream(stream)
    const inflow = (stream as CountedStream)[kInflow]
    inflow.isSocket = true
    // Of a connection that is not Node's own, data may come ahead of 'stream'. It would lack the beginning.
    if (stream.readableLength === 0) inflow.reader = reader
    if (this.#sockets++ === 0) {
      this.#receiveWindow.openConnection()
      this.#setTimeout(0)
    }
  }

  /** Has a stream that can bring data: of what a client may send ahead, a socket has no share of its own. */
  addStream (stream: Http2Stream): void {
    if (kInflow in stream) return

    const inflow = this.#receiveWindow.add(stream, this.#refuse)
    hookMethods(stream, { push: pushAdmitted })
    Object.assign(stream, { [kInflow]: inflow, [kSession]: this })
    stream.on('close', streamOnClose)
  }

  removeStream ({ [kInflow]: inflow }: CountedStream): void {
    this.#receiveWindow.remove(inflow)
    if (!inflow.isSocket || --this.#sockets > 0) return
    if (this.#isDraining) nextTurn(closeSession, this.#session)
    else this.#setTimeout(this.#options.timeout ?? 0)
  }

  /** Sends GOAWAY as soon as the session has no socket. */
  drain (): void {
    this.#isDraining = true
    if (this.#sockets === 0) this.#session.close()
  }

  #setTimeout (milliseconds: number): void {
    if (this.#options.timeout !== undefined && !this.#session.destroyed) this.#session.setTimeout(milliseconds)
  }
}

function closeSession (session: Http2Session): void {
  session.close()
}

function streamOnClose (this: CountedStream): void {
  this[kSession].removeStream(this)
}

/** Where the budget is used up nothing more of the stream is kept. */
function pushAdmitted (this: Http2Stream, chunk: Buffer | null): boolean {
  const { [kInflow]: inflow } = this as CountedStream
  const { reader } = inflow
  if (chunk === null) {
    reader?.passToWs()
    return nodePush(this, chunk)
  }
  const missing = reader?.missing ?? 0
  if (missing > 0 && missing < chunk.length) return pushInTwo(this, chunk, missing)
  if (inflow.deliver(chunk)) return true

  const admitted = inflow.admit(chunk)
  if (admitted === undefined) return false
  reader?.unmask(admitted)
  return nodePush(this, admitted)
}

/** A listener that throws must not take along what follows its message. */
function pushInTwo (stream: Http2Stream, chunk: Buffer, at: number): boolean {
  let goesOn = false
  try {
    stream.push(chunk.subarray(0, at))
  } finally {
    goesOn = stream.push(chunk.subarray(at))
  }
  return goesOn
}
