import type { WebSocket } from 'ws'
import { fillsItsMemory } from '../internals/streams.ts'
import type { WriteCallback } from '../internals/streams.ts'
import { hookReceiver, wsEmit, wsEnd, wsWrite } from '../internals/ws.ts'
import type { Receiver } from '../internals/ws.ts'
import { PrivateMemory } from './private-memory.ts'

const kMemory = Symbol('fastify-websocket-h2.memory')

type GuardedReceiver = Receiver & { [kMemory]?: PrivateMemory }

/** Memory of the chunk that is being parsed, if it contains nothing else. */
let parsed: ArrayBufferLike | undefined

/**
 * Guards the receiver of a ws socket in three ways. It has to be called before the receiver parses anything.
 *
 * - Data that follows a protocol error is discarded. Chunks are queued in the receiver while it waits for zlib, or for
 *   the next tick with `allowSynchronousEvents: false`. Writable passes on the whole queue although one of its chunks
 *   has failed, and ws parses it: it may emit a message, or throw a TypeError, which ends the process
 *   (docs/upstream/ws-receiver-after-error.md).
 * - Emitted data shares no memory with other sockets. ws emits a view of a chunk, of Buffer's pool if a message arrived
 *   in parts, or of memory that zlib has not cleared, so the `buffer` of a message could contain data of other sockets.
 * - It ends once. ws ends it three times for each socket that closes, and Node makes an error with a stack trace for
 *   each call after the first, although nobody receives it.
 */
export function guardReceiver (websocket: WebSocket): void {
  hookReceiver(websocket, { _write: writeUnlessFailed, emit: emitOwn, end: endOnce })
}

function writeUnlessFailed (this: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback): void {
  if (this._errored) return done()
  parsed = fillsItsMemory(chunk) ? chunk.buffer : undefined
  try {
    wsWrite(this, chunk, encoding, done)
  } finally {
    parsed = undefined
  }
}

function emitOwn (this: GuardedReceiver, event: string, first?: unknown, second?: unknown): boolean {
  const hasData = event === 'message' || event === 'ping' || event === 'pong'
  return wsEmit(this, event, hasData ? toOwn(this, first) : first, second)
}

function endOnce (this: Receiver, ...parameters: unknown[]): Receiver {
  // A callback, or data, still receives Node's error.
  if (!this.writableEnded || parameters.length > 0) wsEnd(this, parameters)
  return this
}

function toOwn (receiver: GuardedReceiver, data: unknown): unknown {
  if (Array.isArray(data)) return data.map((part) => toOwn(receiver, part))
  if (!Buffer.isBuffer(data)) return data
  // Read once: it is a call of C++.
  const { buffer } = data
  if (buffer === parsed || buffer.byteLength === data.length) return data
  receiver[kMemory] ??= new PrivateMemory()
  return receiver[kMemory].copy(data)
}
