/**
 * Everything that we lean on and nobody documents. Each entry says why there is no documented way;
 * test/internals.test.ts breaks loudly when one of them changes.
 */
import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Server, Http2Session, Http2Stream, Settings } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { WebSocket, WebSocketServer } from 'ws'
import { nextTurn } from './next-turn.ts'

/**
 * Makes a stream forget that it owes its peer an END_STREAM, so that `stream.close(code)` is one RST_STREAM.
 *
 * Node ends the writable side first in `close(code)`: END_STREAM goes out, and an abort looks orderly to the peer.
 * `destroy(error)` would send RST_STREAM, but only with INTERNAL_ERROR. The END_STREAM comes from `_final`, which
 * Writable calls only if it is a function.
 */
export function forgetEndStream (stream: Http2Stream): void {
  (stream as unknown as { _final: null })._final = null
}

const kWritten = Symbol('fastify-websocket-h2.written')

/** One of the writes that Writable hands down together. */
export interface WriteItem {
  chunk: Buffer | string
  encoding: BufferEncoding
}

export type WriteCallback = (error?: Error | null) => void

/** What stands between a stream and Node: it gets what comes in and what goes out, and passes it on as it likes. */
export interface StreamHooks<Stream extends Duplex = Duplex> {
  push: (this: Stream, chunk: Buffer | null) => boolean
  _write: (this: Stream, chunk: Buffer | string, encoding: BufferEncoding, done: WriteCallback) => void
  _writev: (this: Stream, items: WriteItem[], done: WriteCallback) => void
}

/**
 * Puts hooks on one stream, or on a connection.
 *
 * Node's own side hands each DATA frame to `push`, and Writable hands what is to be sent to `_write` and `_writev`:
 * documented for those who make streams, not for those who have one. The documented way, a stream around the stream,
 * sends every message through two more queues.
 */
export function hookStream<Stream extends Duplex> (stream: Stream, hooks: Partial<StreamHooks<Stream>>): void {
  Object.assign(stream, hooks)
}

/**
 * Takes methods off a stream that were put on it, and has its own again. They are not deleted: V8 would keep the stream
 * as a dictionary from then on, and each message would cost a tenth more.
 */
export function restoreMethods (stream: Http2Stream, ...names: Array<'write' | 'end'>): void {
  const prototype = Object.getPrototypeOf(stream)
  for (const name of names) Object.assign(stream, { [name]: prototype[name] })
}

/** What `push` does without a hook. */
export function passChunk (stream: Http2Stream, chunk: Buffer | null): boolean {
  return prototypeOf(stream).push.call(stream, chunk)
}

/** What `_write` does without a hook. */
export function passWrite (
  stream: Duplex, chunk: WriteItem['chunk'], encoding: BufferEncoding, done: WriteCallback
): void {
  prototypeOf(stream)._write.call(stream, chunk, encoding, done)
}

/** What `_writev` does without a hook. */
export function passWrites (stream: Duplex, items: WriteItem[], done: WriteCallback): void {
  prototypeOf(stream)._writev.call(stream, items, done)
}

function prototypeOf (stream: Duplex): StreamHooks {
  return Object.getPrototypeOf(stream)
}

/** The write queue of a connection. */
export interface SendQueue {
  /** Bytes that the kernel has taken of what was written. */
  accepted: number
  /** Bytes that wait until it takes more, because the peer does not read. */
  queued: number
}

interface StreamHandle {
  bytesWritten: number
  writeQueueSize: number
  _parent?: StreamHandle
}

/**
 * Returns the write queue of a TCP connection, of TLS or not; undefined for one that is not the system's.
 *
 * `socket.bytesWritten` counts a write as soon as it waits in libuv, `writableLength` until all of it has left, and
 * neither counts what an HTTP/2 session writes. Nothing documented shows that a peer reads a large write slowly. Node
 * does the same where it decides whether a socket that writes has timed out (`_onTimeout` in lib/net.js). TLS has a
 * queue of its own, before that of the connection under it.
 */
export function readSendQueue (connection: Duplex): SendQueue | undefined {
  const { _handle: handle } = connection as Duplex & { _handle?: StreamHandle | null }
  const { bytesWritten, writeQueueSize: queued } = handle?._parent ?? handle ?? {} as Partial<StreamHandle>
  return bytesWritten === undefined || queued === undefined ? undefined : { accepted: bytesWritten - queued, queued }
}

/**
 * Stops the timer of `session.setTimeout()` of a session that is closed.
 *
 * Node means to stop it in `destroy()`, but calls `setTimeout(0)` there when the session counts as destroyed already,
 * which does nothing. Without this the timer keeps the session, and all that it leads to, until it goes off.
 */
export function clearSessionTimeout (session: Http2Session): void {
  clearTimeout(readSymbol(session, 'timeout') as NodeJS.Timeout | undefined)
}

const FRAME_HEADER = 9

/**
 * Returns whether a chunk fills the memory of its read, except for the header of its HTTP/2 frame. A chunk of a stream
 * is a view of one read of the connection, in which frames of other streams may precede and follow it.
 *
 * All that is documented of a chunk is that it is a Buffer. The documented way, to copy each, costs 3 µs of the 50 that
 * a message of 16 KB takes, and most such messages come alone, in one record of TLS.
 */
export function isAlone ({ buffer, byteOffset, length }: Buffer): boolean {
  return byteOffset <= FRAME_HEADER && byteOffset + length === buffer.byteLength
}

/**
 * The settings that the user gave for the server's HTTP/2 sessions.
 *
 * `server.updateSettings()` writes them, and nothing reads them: without this, a `maxConcurrentStreams` in the
 * `https.settings` of Fastify's options would be overwritten by our default.
 */
export function readServerSettings (server: Http2Server): Settings {
  const options = readSymbol(server, 'options') as { settings?: Settings } | undefined
  return options?.settings ?? {}
}

/**
 * The servers besides `fastify.server` that listen for the same instance.
 *
 * `listen({ host: 'localhost' })` makes one for each further address, and forwards 'upgrade' from them but neither
 * HTTP/2 settings nor 'connect': an Extended CONNECT to ::1 would be refused where one to 127.0.0.1 is served.
 */
export function readSecondaryServers (fastify: FastifyInstance): Server[] {
  return (readSymbol(fastify, 'fastify.serverBindings') as Server[] | undefined) ?? []
}

/**
 * A ws server with options of its own, which has everything else in common: its clients, its listeners, its end.
 *
 * ws reads what holds for a socket from `server.options` while it negotiates. The documented way, a second server,
 * would have clients of its own: the first would not count them, and not wait for them when it closes.
 */
export function overrideOptions (server: WebSocketServer, options: WebSocketServer['options']): WebSocketServer {
  return new Proxy(server, {
    get: (target, name) => name === 'options' ? options : Reflect.get(target, name)
  })
}

/**
 * The Writable in which ws parses frames, and which emits what they contain. There is no documented way between a
 * connection and its receiver, nor between a receiver and its socket; lib/receiver.ts says what that is needed for.
 */
export interface Receiver {
  /** Set when ws finds an error in what the peer sent. It emits the error a tick later. */
  _errored: boolean
  _write: (this: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback) => void
  emit: (this: Receiver, event: string, first?: unknown, second?: unknown) => boolean
}

/** Returns the receiver of a socket, which has one once it is open. */
export function receiverOf (websocket: WebSocket): Receiver {
  return (websocket as unknown as { _receiver: Receiver })._receiver
}

/** Returns whether ws has found an error in what a peer sent: it emits the error a tick later. */
export function hasFailed (websocket: WebSocket): boolean {
  return receiverOf(websocket)._errored !== false
}

/**
 * Whether ws writes at once what it is to send: while it reads a Blob, all that comes after that waits in a queue. What
 * goes past ws may not overtake it. `bufferedAmount` does not tell: it counts what the connection has too.
 */
export function sendsAtOnce (websocket: WebSocket): boolean {
  return (websocket as unknown as { _sender: { _state: number } })._sender._state === 0
}

/**
 * Hands a connection to a server as if it had come to its port, and as if TLS, where the server has it, were done.
 *
 * To emit 'connection' is documented, to emit 'secureConnection' is not. The documented way is a TLS handshake in
 * memory: it needs a certificate of the client where the server asks for one, and cannot say where a client is.
 */
export function injectConnection (server: Server, connection: Duplex): void {
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', connection as Socket)
}

/**
 * Makes sessions over a connection that is not Node's own wait with `destroy()` until nothing is being written. To be
 * called before a session is made of the connection; the function that it returns gets the session.
 *
 * Node wraps such a connection in something that takes one write at a time. `destroy()` of Node 26 writes its GOAWAY
 * without asking, and the process ends with ERR_INTERNAL_ASSERTION. A write is over for Node a turn after its callback.
 */
export function guardDestroy (connection: Duplex): (session: Http2Session) => void {
  let writes = 0
  const { write } = connection as { write: (chunk: unknown, ...parameters: unknown[]) => boolean }

  connection.write = (chunk: unknown, ...parameters: unknown[]): boolean => {
    const [encoding] = parameters.filter((each) => typeof each === 'string')
    const done = parameters.at(-1)
    writes++
    return write.call(connection, chunk, encoding, (error?: Error | null) => {
      if (typeof done === 'function') done(error)
      nextTurn(() => { if (--writes === 0) connection.emit(kWritten) })
    })
  }

  return (session) => {
    const { destroy } = session
    session.destroy = (...parameters) => {
      if (writes === 0 || connection.closed) return destroy.apply(session, parameters)
      const destroyAgain = (): void => {
        connection.off(kWritten, destroyAgain).off('close', destroyAgain)
        session.destroy(...parameters)
      }
      connection.once(kWritten, destroyAgain).once('close', destroyAgain)
    }
  }
}

/**
 * Makes a server ask which requests with an Upgrade field are upgrades, besides what it asks already. Node serves the
 * others as requests, with their bodies. Returns what undoes it, or undefined where this Node does not ask.
 *
 * Node documents `shouldUpgradeCallback` as an option of `createServer()`, which Fastify has called before a plugin is
 * registered. The server keeps it as a property, and reads it for each request. Node 20 has nothing like it.
 */
export function narrowUpgrades (
  server: Server, isUpgrade: (request: IncomingMessage) => boolean
): (() => void) | undefined {
  const asking = server as { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }
  const { shouldUpgradeCallback: former } = asking
  if (former === undefined) return undefined

  const narrowed = (request: IncomingMessage): boolean => isUpgrade(request) && former.call(server, request)
  asking.shouldUpgradeCallback = narrowed
  return () => { if (asking.shouldUpgradeCallback === narrowed) asking.shouldUpgradeCallback = former }
}

/**
 * Gives a connection, of which Node's parser has let go for an upgrade, back to a parser of the server.
 *
 * The documented way, to emit 'connection', calls the user's listeners twice for one connection, and starts another
 * TLS handshake on a server with TLS. This is what Node itself calls for each new connection.
 */
export function parseAgain (server: Server, connection: Duplex): void {
  (http as unknown as { _connectionListener: (this: Server, connection: Duplex) => void })
    ._connectionListener.call(server, connection)
}

/**
 * Returns the response that an HTTP/1.1 connection is assigned to. `assignSocket()` of a second response throws, and
 * only this property says for which request the first was made.
 */
export function readResponse (connection: Duplex): ServerResponse | undefined {
  return (connection as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}

function readSymbol (target: object, description: string): unknown {
  for (let object: object | null = target; object !== null; object = Object.getPrototypeOf(object)) {
    const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === description)
    if (symbol !== undefined) return Reflect.get(target, symbol)
  }
  return undefined
}
