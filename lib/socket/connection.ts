import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { HttpVersion } from '../../types/index.ts'
import { hasOwnWrite, hookMethods, readSendQueue } from '../internals/streams.ts'
import type { WriteCallback, WriteItem } from '../internals/streams.ts'
import { kDrain } from '../symbols.ts'
import { ConnectionWriter, loseWrite } from './connection-writer.ts'

const kConnection = Symbol('fastify-websocket-h2.connection')

type Carrier = Duplex & { [kConnection]: Connection }

/**
 * Time, in ms, that a peer has to end its side after this side has ended. Firefox, nghttpx and undici 7 never do, and
 * ws would wait for them until its close timer fires. Not 0: a reset that overtakes the Close frame in a proxy's
 * buffers turns a clean close into a 1006.
 */
const HALF_CLOSE_TIMEOUT = 250

/** Observer of the data and the end of a connection. */
export interface ConnectionObserver {
  /** Called for the next data only: listening to all data would cost each message. */
  onData (): void
  onClose (): void
}

/** Socket that is informed when its connection has sent what waited. */
export interface DrainingSocket {
  [kDrain] (): void
}

/**
 * Connection that carries a WebSocket: a TCP connection, with or without TLS, or an HTTP/2 stream (StreamSocket). Its
 * listeners are functions that all connections share, and are added with `on` even for events that happen once: a
 * closure, or the wrapper that `once` creates, would cost each idle socket 100 to 200 bytes.
 */
export class Connection {
  readonly httpVersion: HttpVersion = '1.1'
  readonly duplex: Duplex
  /** Undefined for a Duplex that has a `_write` of its own. */
  readonly writer: ConnectionWriter | undefined
  #observer: ConnectionObserver | undefined
  #socket: DrainingSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #closeTimeout = 0

  /** @param writer default: a ConnectionWriter, except for a Duplex with a `_write` of its own */
  constructor (duplex: Duplex, writer = hasOwnWrite(duplex) ? undefined : new ConnectionWriter(duplex)) {
    this.duplex = duplex
    this.writer = writer
    if (writer !== undefined) {
      // Writable calls `_writev` if it exists, and a class need not have one.
      const hasWritev = duplex._writev != null
      hookMethods(duplex, hasWritev ? { _write: duplexWrite, _writev: duplexWritev } : { _write: duplexWrite })
    }
    Object.assign(duplex, { [kConnection]: this }).on('close', duplexOnClose)
  }

  /** Bytes of the current write that Node has sent, and that `writableLength` still includes. */
  get bytesAlreadySent (): number {
    return this.writer?.bytesAlreadySent ?? 0
  }

  /**
   * True if everything that was written has been sent, including the end. If the peer has ended too, Node destroys a
   * stream as soon as its end is sent, before 'finish'.
   */
  get hasFinishedWriting (): boolean {
    return this.duplex.writableFinished || this.writer?.isEndSent === true
  }

  /** Bytes that the kernel has accepted from the TCP connection, including those of other streams of the session. */
  get bytesAccepted (): number {
    return (this.transport && readSendQueue(this.transport)?.accepted) ?? 0
  }

  /** Returns a number that changes when the peer accepts more of the data that waits for it. */
  measureProgress (): number {
    return this.#measureSent()
  }

  /** Destroys the TCP connection of an HTTP/2 session if its peer does not answer. Over HTTP/1.1 it does nothing. */
  destroyIfUnresponsive (_timeout: number): void {}

  /**
   * Destroys the connection soon after its end was sent: RFC 6455 section 7.1.1 lets the server close first, so there
   * is no need to wait for a peer that never ends its side.
   */
  destroyAfterFinish (): void {
    this.duplex.on('finish', duplexOnFinish)
  }

  /**
   * Destroys the connection if its peer has ended its side and accepts none of the data that is left to send. ws starts
   * its close timer only when it sends a Close frame, and here it sends none.
   *
   * @param closeTimeout time, in ms, in which the peer has to accept something
   */
  destroyAfterEnd (closeTimeout: number): void {
    this.#closeTimeout = closeTimeout
    this.duplex.on('end', duplexOnEnd)
  }

  /** Called once, when a socket has been opened on the connection. */
  startReading (_websocket: WebSocket, _options: object): void {}

  /** Calls a socket when it can send more. */
  reportDrain (socket: DrainingSocket): void {
    this.#socket = socket
    this.duplex.on('drain', duplexOnDrain)
  }

  /** Reports the next data, and the close, to one observer. */
  observe (observer: ConnectionObserver): void {
    this.#observer = observer
    this.awaitData()
  }

  /** Makes the next data call `onData()`. */
  protected awaitData (): void {
    this.duplex.on('data', duplexOnData)
  }

  onData (): void {
    this.#observer?.onData()
  }

  /** Informs the socket that it can send more. */
  onDrain (): void {
    this.#socket?.[kDrain]()
  }

  onFinish (): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(destroyDuplex, HALF_CLOSE_TIMEOUT, this.duplex)
  }

  onEnd (): void {
    this.#timer ??= setTimeout(destroyIfStuck, this.#closeTimeout, this, this.#measureSent())
  }

  /** @param progress bytes that the peer had accepted when the timeout started */
  onStuck (progress: number): void {
    const now = this.#measureSent()
    if (now === progress) this.duplex.destroy()
    else this.#timer = setTimeout(destroyIfStuck, this.#closeTimeout, this, now)
  }

  onClose (): void {
    clearTimeout(this.#timer)
    this.#observer?.onClose()
    this.loseWrite()
  }

  /** Measures this connection alone: an HTTP/2 stream does not progress because others of its session do. */
  #measureSent (): number {
    return readSendQueue(this.duplex)?.accepted ?? this.writer?.bytesSent ?? -this.duplex.writableLength
  }

  /** Calls the callback of the current write in the next tick, if Node does not. */
  protected loseWrite (error?: Error): void {
    process.nextTick(loseWrite, this.writer, error)
  }

  /** TCP connection; undefined if it is unknown. */
  get transport (): Duplex | undefined {
    return this.duplex
  }
}

/** Returns the bytes that the kernel has accepted from a congested TCP connection; undefined if nothing waits. */
export function measureCongested (transport: Duplex | undefined): number | undefined {
  const queue = transport && readSendQueue(transport)
  return queue !== undefined && queue.queued > 0 ? queue.accepted : undefined
}

/** Returns the Connection of a TCP connection or stream, if it has one. */
export function connectionOf (duplex: Duplex): Connection | undefined {
  return (duplex as Carrier)[kConnection]
}

function duplexWrite (this: Duplex, chunk: WriteItem['chunk'], encoding: BufferEncoding, callback: WriteCallback): void {
  (this as Carrier)[kConnection].writer!.write(chunk, encoding, callback)
}

function duplexWritev (this: Duplex, items: WriteItem[], callback: WriteCallback): void {
  (this as Carrier)[kConnection].writer!.writeAll(items, callback)
}

function duplexOnData (this: Carrier): void {
  this.off('data', duplexOnData)
  this[kConnection].onData()
}

function duplexOnDrain (this: Carrier): void {
  this[kConnection].onDrain()
}

function duplexOnFinish (this: Carrier): void {
  this[kConnection].onFinish()
}

function duplexOnEnd (this: Carrier): void {
  this[kConnection].onEnd()
}

function duplexOnClose (this: Carrier): void {
  this[kConnection].onClose()
}

function destroyIfStuck (connection: Connection, progress: number): void {
  connection.onStuck(progress)
}

/** Destroys a connection or stream. Takes it as its argument, for timers. */
export function destroyDuplex (duplex: Duplex): void {
  duplex.destroy()
}
