import type { Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'

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
export function hookMethods<Stream extends Duplex> (stream: Stream, hooks: Partial<StreamHooks<Stream>>): void {
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
export function nodePush (stream: Http2Stream, chunk: Buffer | null): boolean {
  return prototypeOf(stream).push.call(stream, chunk)
}

/** What `_write` does without a hook. */
export function nodeWrite (
  stream: Duplex, chunk: WriteItem['chunk'], encoding: BufferEncoding, done: WriteCallback
): void {
  prototypeOf(stream)._write.call(stream, chunk, encoding, done)
}

/** What `_writev` does without a hook. */
export function nodeWritev (stream: Duplex, items: WriteItem[], done: WriteCallback): void {
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
