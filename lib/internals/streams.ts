import type { Duplex } from 'node:stream'

/** One of the writes that Writable passes to `_writev` together. */
export interface WriteItem {
  chunk: Buffer | string
  encoding: BufferEncoding
}

/** Callback of a write. */
export type WriteCallback = (error?: Error | null) => void

/** Methods that intercept the data that a stream receives from Node, and the data that it sends. */
export interface StreamHooks<Stream extends Duplex = Duplex> {
  push: (this: Stream, chunk: Buffer | null) => boolean
  _write: (this: Stream, chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback) => void
  _writev: (this: Stream, items: WriteItem[], callback: WriteCallback) => void
  write: (this: Stream, chunk: unknown, ...parameters: unknown[]) => boolean
  end: (this: Stream, ...parameters: unknown[]) => Stream
  destroy: (this: Stream, error?: Error) => Stream
}

/**
 * Replaces methods of one stream or connection.
 *
 * Node passes each DATA frame to `push`, and Writable passes the data to send to `_write` and `_writev`. They are
 * documented for implementers of streams, not for their users. The documented way, a stream that wraps the stream,
 * sends every message through two more queues. The methods are properties of the stream: a prototype of its own would
 * give V8 a hidden class for each stream.
 */
export function hookMethods<Stream extends Duplex> (stream: Stream, hooks: Partial<StreamHooks<Stream>>): void {
  Object.assign(stream, hooks)
}

/** Returns whether a stream was made with a `_write` or `_writev` of its own, as `new Duplex({ write })` makes one. */
export function hasOwnWrite (stream: Duplex): boolean {
  return Object.hasOwn(stream, '_write') || Object.hasOwn(stream, '_writev')
}

/** Calls the original `push` of a stream. */
export function nodePush (stream: Duplex, chunk: Buffer | null): boolean {
  return prototypeOf(stream).push.call(stream, chunk)
}

/** Calls the original `_write` of a stream. Its prototype can be passed, because finding it costs each message. */
export function nodeWrite (
  stream: Duplex, chunk: WriteItem['chunk'], encoding: BufferEncoding, callback: WriteCallback,
  prototype = prototypeOf(stream)
): void {
  prototype._write.call(stream, chunk, encoding, callback)
}

/** Calls the original `_writev` of a stream. Its prototype can be passed, because finding it costs each message. */
export function nodeWritev (
  stream: Duplex, items: WriteItem[], callback: WriteCallback, prototype = prototypeOf(stream)
): void {
  prototype._writev.call(stream, items, callback)
}

/** Calls the original `end` of a stream. */
export function nodeEnd (stream: Duplex, parameters: unknown[]): void {
  prototypeOf(stream).end.apply(stream, parameters)
}

/** Calls the original `destroy` of a stream. */
export function nodeDestroy (stream: Duplex, error?: Error): void {
  prototypeOf(stream).destroy.call(stream, error)
}

/** Returns the prototype of a stream, which has the original methods. */
export function prototypeOf (stream: Duplex): StreamHooks {
  return Object.getPrototypeOf(stream)
}

/**
 * Emits data that a stream has not buffered, past `pause()`. Readable documents `push` and `unshift` alone, which keep
 * data for a paused stream, and count it as unread.
 */
export function emitData (stream: Duplex, chunk: Buffer): void {
  stream.emit('data', chunk)
}

const NOTHING = Buffer.alloc(0)

/**
 * Makes Node continue to read from an HTTP/2 stream that was resumed, and return its flow-control window. Readable
 * calls `_read` only if something was pushed since the last call. Nothing was, if all data was delivered without
 * `push`.
 */
export function readOn (stream: Duplex): void {
  nodePush(stream, NOTHING)
}

/** State of the write queue of a TCP connection. */
export interface SendQueue {
  /** Written bytes that the kernel has accepted. */
  accepted: number
  /** Written bytes that wait in libuv until the kernel accepts more, because the peer does not read. */
  queued: number
}

interface StreamHandle {
  bytesWritten: number
  writeQueueSize: number
  _parent?: StreamHandle
}

/**
 * Returns the write queue of a TCP connection, with or without TLS; undefined for a connection without a system handle.
 *
 * `socket.bytesWritten` includes a write that still waits in libuv, `writableLength` includes it until all of it has
 * been sent, and neither includes the writes of an HTTP/2 session. No documented property shows that a peer reads a
 * large write slowly. Node reads the same properties to decide if a socket has timed out (`_onTimeout` in lib/net.js).
 * TLS has its own queue, ahead of that of the underlying connection.
 */
export function readSendQueue (connection: Duplex): SendQueue | undefined {
  const { _handle: handle } = connection as Duplex & { _handle?: StreamHandle | null }
  const { bytesWritten, writeQueueSize: queued } = handle?._parent ?? handle ?? {} as Partial<StreamHandle>
  return bytesWritten === undefined || queued === undefined ? undefined : { accepted: bytesWritten - queued, queued }
}

const FRAME_HEADER = 9

/**
 * Returns true if a chunk fills the memory of its read, except for the header of its HTTP/2 frame. A chunk of a stream
 * is a view of one read of the connection, in which frames of other streams may precede and follow it.
 *
 * It is only documented that a chunk is a Buffer. The documented way, to copy each chunk, costs 3 µs of the 50 µs that
 * a message of 16 KB takes, and most such messages arrive alone, in one TLS record.
 */
export function fillsItsMemory (chunk: Buffer): boolean {
  const { byteOffset } = chunk
  // `buffer` is a call of C++, and most chunks do not begin their memory.
  return byteOffset <= FRAME_HEADER && byteOffset + chunk.length === chunk.buffer.byteLength
}
