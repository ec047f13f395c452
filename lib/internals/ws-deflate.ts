import type { DeflateRaw } from 'node:zlib'
import type { WebSocket } from 'ws'

/** Default of ws's `concurrencyLimit`. */
const CONCURRENCY_LIMIT = 10

/** Idle deflate streams that sockets share, by `server_max_window_bits`. */
export type DeflatePool = Map<number | undefined, DeflateRaw[]>

const kIdle = Symbol('fastify-websocket-h2.idle')

type Compressed = (error: Error | null, data?: Buffer) => void

/** Extension of ws that compresses the messages of one socket. */
interface PerMessageDeflate {
  params: { server_no_context_takeover?: boolean, server_max_window_bits?: number }
  _options: { concurrencyLimit?: number }
  _deflate: DeflateRaw | null
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
  const { _extensions: extensions } = websocket as unknown as { _extensions: Record<string, PerMessageDeflate> }
  const extension = extensions['permessage-deflate']
  if (extension?.params.server_no_context_takeover !== true) return
  const bits = extension.params.server_max_window_bits
  const idle = pool.get(bits) ?? []
  pool.set(bits, idle)
  Object.assign(extension, { _compress: compressWithShared, [kIdle]: idle })
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
