import type { Duplex } from 'node:stream'

/** One of the writes that Writable hands down together. */
export interface WriteItem {
  chunk: Buffer | string
  encoding: BufferEncoding
}

export type WriteCallback = (error?: Error | null) => void

/** The methods between a stream and Node that may be replaced. */
export interface StreamHooks<Stream extends Duplex = Duplex> {
  push: (this: Stream, chunk: Buffer | null) => boolean
  _write: (this: Stream, chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback) => void
  _writev: (this: Stream, items: WriteItem[], callback: WriteCallback) => void
  end: (this: Stream, ...parameters: unknown[]) => Stream
  destroy: (this: Stream, error?: Error) => Stream
}

/**
 * Replaces methods of one stream or connection.
 *
 * Node calls `push` with each DATA frame that it receives, and Writable calls `_write` and `_writev` with what is to be
 * sent: documented for those who implement a stream, not for those who are given one. `end` and `destroy` are public,
 * but that a stream calls its own is not. The documented way, a stream around the stream, sends every message through
 * two more queues. The methods are properties of the stream: a prototype of its own would give V8 a hidden class for
 * each stream.
 */
export function hookMethods<Stream extends Duplex> (stream: Stream, hooks: Partial<StreamHooks<Stream>>): void {
  Object.assign(stream, hooks)
}

/** Returns whether a stream was made with a `_write` or `_writev` of its own, as `new Duplex({ write })` makes one. */
export function hasOwnWrite (stream: Duplex): boolean {
  return Object.hasOwn(stream, '_write') || Object.hasOwn(stream, '_writev')
}

/** Calls the `push` that a hook replaced. */
export function nodePush (stream: Duplex, chunk: Buffer | null): boolean {
  return prototypeOf(stream).push.call(stream, chunk)
}

/** Calls the `_write` that a hook replaced. */
export function nodeWrite (
  stream: Duplex, chunk: WriteItem['chunk'], encoding: BufferEncoding, callback: WriteCallback
): void {
  prototypeOf(stream)._write.call(stream, chunk, encoding, callback)
}

/** Calls the `_writev` that a hook replaced. */
export function nodeWritev (stream: Duplex, items: WriteItem[], callback: WriteCallback): void {
  prototypeOf(stream)._writev.call(stream, items, callback)
}

/** Calls the `end` that a hook replaced. */
export function nodeEnd (stream: Duplex, parameters: unknown[]): void {
  prototypeOf(stream).end.apply(stream, parameters)
}

/** Calls the `destroy` that a hook replaced. */
export function nodeDestroy (stream: Duplex, error?: Error): void {
  prototypeOf(stream).destroy.call(stream, error)
}

function prototypeOf (stream: Duplex): StreamHooks {
  return Object.getPrototypeOf(stream)
}

/**
 * Emits data that a stream has not buffered, past `pause()`. Readable documents `push` and `unshift` alone, which keep
 * data for a paused stream, and would have it counted as unread.
 */
export function emitData (stream: Duplex, chunk: Buffer): void {
  stream.emit('data', chunk)
}

const NOTHING = Buffer.alloc(0)

/**
 * Makes Node read on from an HTTP/2 stream that was resumed, and return its flow-control window. Readable calls `_read`
 * only if something was pushed since the last call, and a listener that took all data past it pushed nothing.
 */
export function readOn (stream: Duplex): void {
  nodePush(stream, NOTHING)
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

const FRAME_HEADER = 9

/**
 * Returns whether a chunk fills the memory of its read, except for the header of its HTTP/2 frame. A chunk of a stream
 * is a view of one read of the connection, in which frames of other streams may precede and follow it.
 *
 * All that is documented of a chunk is that it is a Buffer. The documented way, to copy each, costs 3 µs of the 50 that
 * a message of 16 KB takes, and most such messages come alone, in one record of TLS.
 */
export function fillsItsMemory ({ buffer, byteOffset, length }: Buffer): boolean {
  return byteOffset <= FRAME_HEADER && byteOffset + length === buffer.byteLength
}
