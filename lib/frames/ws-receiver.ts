import type { WebSocket } from 'ws'
import { fillsItsMemory } from '../internals/streams.ts'
import { wsReceiverOf } from '../internals/ws.ts'
import type { WriteCallback } from '../internals/streams.ts'
import type { Receiver } from '../internals/ws.ts'
import { PrivateMemory } from './private-memory.ts'

const kMemory = Symbol('fastify-websocket-h2.memory')

type GuardedReceiver = Receiver & { [kMemory]?: PrivateMemory }

/** The memory of the chunk that is being parsed, if nothing else is in it. */
let parsed: ArrayBufferLike | undefined

/**
 * Guards the receiver of a socket of ws in two ways. Must be called before it parses anything.
 *
 * It discards what follows an error. Chunks are queued in the receiver while it waits for zlib, or for the next turn of
 * `allowSynchronousEvents: false`. Writable passes on all of the queue, though one of its chunks has failed, and ws
 * parses what follows the error: it may emit a message, or throw a TypeError, which ends the process
 * (docs/upstream/ws-receiver-after-error.md).
 *
 * It emits data that shares no memory with other sockets. What ws emits is a view of a chunk, of Buffer's pool where a
 * message came in parts, or of memory that zlib has not cleared: others could be read in the `buffer` of a message.
 */
export function guardReceiver (websocket: WebSocket): void {
  Object.assign(wsReceiverOf(websocket), { _write: writeUnlessFailed, emit: emitOwn })
}

function writeUnlessFailed (this: Receiver, chunk: Buffer, encoding: BufferEncoding, done: WriteCallback): void {
  if (this._errored) return done()
  parsed = fillsItsMemory(chunk) ? chunk.buffer : undefined
  try {
    Object.getPrototypeOf(this)._write.call(this, chunk, encoding, done)
  } finally {
    parsed = undefined
  }
}

function emitOwn (this: GuardedReceiver, event: string, first?: unknown, second?: unknown): boolean {
  const hasData = event === 'message' || event === 'ping' || event === 'pong'
  return Object.getPrototypeOf(this).emit.call(this, event, hasData ? toOwn(this, first) : first, second)
}

function toOwn (receiver: GuardedReceiver, data: unknown): unknown {
  if (Array.isArray(data)) return data.map((part) => toOwn(receiver, part))
  if (!Buffer.isBuffer(data) || data.buffer === parsed || data.buffer.byteLength === data.length) return data
  receiver[kMemory] ??= new PrivateMemory()
  const own = receiver[kMemory].allocate(data.length)
  own.set(data)
  return own
}
