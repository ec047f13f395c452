import type { DeflateRaw } from 'node:zlib'
import type { WebSocket } from 'ws'
import type { Sender } from './ws.ts'

/** Default of ws's `concurrencyLimit`. */
const CONCURRENCY_LIMIT = 10

/** Idle deflate streams that sockets share, by `server_max_window_bits`. */
export type DeflatePool = Map<number | undefined, DeflateRaw[]>

/** Messages for many sockets, each with what it is compressed to, by the deflate streams that sockets share. */
const shared = new WeakMap<Buffer, Map<DeflateRaw[], SharedCompression>>()

const kIdle = Symbol('fastify-websocket-h2.idle')

type Compressed = (error: Error | null, data?: Buffer) => void

/** Extension of ws that compresses the messages of one socket. */
interface PerMessageDeflate {
  params: { server_no_context_takeover?: boolean, server_max_window_bits?: number }
  _options: { concurrencyLimit?: number }
  /** Size, in bytes, from which messages are compressed without context takeover. */
  _threshold: number
  _deflate: DeflateRaw | null
  compress: (this: PerMessageDeflate, data: Buffer | string, fin: boolean, callback: Compressed) => void
  _compress: (this: PerMessageDeflate, data: Buffer | string, fin: boolean, callback: Compressed) => void
  [kIdle]?: DeflateRaw[]
}

/**
 * Makes a socket of a server borrow a deflate stream for each message, if it compresses without context takeover. All
 * sockets that share a pool have the same options.
 *
 * ws gives each socket a stream, resets it after each message, and keeps it until the socket closes: 278 KiB without
 * content. A stream for each message would cost 60 µs. There is no documented access to the stream.
 */
export function shareDeflate (websocket: WebSocket, pool: DeflatePool): void {
  const extension = extensionOf(websocket)
  if (extension?.params.server_no_context_takeover !== true) return
  const bits = extension.params.server_max_window_bits
  const idle = pool.get(bits) ?? []
  pool.set(bits, idle)
  Object.assign(extension, { compress: compressOnce, _compress: compressWithShared, [kIdle]: idle })
}

/**
 * Called when the concurrencyLimit of ws allows it, so no more streams work at once. A message in fragments keeps its
 * stream until the last one: there may be more of these, which are not kept.
 */
function compressWithShared (
  this: PerMessageDeflate, data: Buffer | string, fin: boolean, callback: Compressed
): void {
  const idle = this[kIdle]!
  this._deflate ??= idle.pop() ?? null
  Object.getPrototypeOf(this)._compress.call(this, data, fin, (error: Error | null, compressed?: Buffer) => {
    // ws closes the stream of a socket that closes while it compresses.
    if (fin && this._deflate !== null) {
      if (idle.length < (this._options.concurrencyLimit ?? CONCURRENCY_LIMIT)) idle.push(this._deflate)
      else this._deflate.close()
      this._deflate = null
    }
    callback(error, compressed)
  })
}

/** Makes all sockets that share deflate streams compress this message once. Others compress it each for itself. */
export function compressForAll (message: Buffer): void {
  if (!shared.has(message)) shared.set(message, new Map())
}

/**
 * Returns true if a sender compresses a message of this size, in bytes, that allows it. ws applies its threshold
 * without context takeover only.
 */
export function compressesMessage (sender: Sender, bytes: number): boolean {
  const extension = extensionOf(sender)
  return extension !== undefined &&
    (extension.params.server_no_context_takeover !== true || bytes >= extension._threshold)
}

function extensionOf (owner: WebSocket | Sender): PerMessageDeflate | undefined {
  return (owner as unknown as { _extensions: Record<string, PerMessageDeflate> })._extensions['permessage-deflate']
}

function compressOnce (this: PerMessageDeflate, data: Buffer | string, fin: boolean, callback: Compressed): void {
  const compressions = fin && typeof data !== 'string' ? shared.get(data) : undefined
  if (compressions === undefined) return wsCompress(this, data, callback, fin)
  const idle = this[kIdle]!
  const compression = compressions.get(idle) ?? new SharedCompression(data as Buffer)
  compressions.set(idle, compression)
  compression.request(this, callback)
}

/** Calls ws's own `compress`, which limits how many streams work at once. */
function wsCompress (extension: PerMessageDeflate, data: Buffer | string, callback: Compressed, fin = true): void {
  Object.getPrototypeOf(extension).compress.call(extension, data, fin, callback)
}

/** Compression of one message for all sockets that share deflate streams. */
class SharedCompression {
  readonly #data: Buffer
  #compressed: Buffer | undefined
  #waiting: Array<[extension: PerMessageDeflate, callback: Compressed]> = []

  constructor (data: Buffer) {
    this.#data = data
  }

  /** Calls back asynchronously, like ws. */
  request (extension: PerMessageDeflate, callback: Compressed): void {
    if (this.#compressed !== undefined) return process.nextTick(callback, null, this.#compressed)
    this.#waiting.push([extension, callback])
    if (this.#waiting.length === 1) this.#compress()
  }

  /** Compresses by the first socket that waits. If it closes meanwhile, the next one begins again. */
  #compress (): void {
    const [[extension]] = this.#waiting as [[PerMessageDeflate, Compressed]]
    wsCompress(extension, this.#data, (error, compressed) => {
      if (compressed === undefined) {
        const [, callback] = this.#waiting.shift()!
        if (this.#waiting.length > 0) this.#compress()
        return callback(error)
      }
      this.#compressed = compressed
      // Each in a call of its own: a callback that throws has no effect on others.
      for (const [, callback] of this.#waiting.splice(0)) process.nextTick(callback, null, compressed)
    })
  }
}
