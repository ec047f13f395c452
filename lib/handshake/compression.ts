import type { PerMessageDeflateOptions, WebSocket, WebSocketServer } from 'ws'
import { shareDeflate } from '../internals/ws-deflate.ts'
import type { DeflatePool } from '../internals/ws-deflate.ts'
import type { Admission } from './admission.ts'
import type { RawRequest, Upgrade } from './upgrade.ts'
import { withOptions } from './websocket-server.ts'

const EXTENSION = 'permessage-deflate'

/** Defaults of zlib, in Node. */
const WINDOW_BITS = 15
const MEM_LEVEL = 8
const CHUNK_SIZE = 16 * 1024

/** Size, in bytes, of the state of a stream, apart from the parts that its options decide. */
const DEFLATE_STATE = 6152
const INFLATE_STATE = 9128

/** Least size, in bytes, of the hash table of a deflate stream: Node has the zlib of Chromium. */
const LEAST_HASH_TABLE = 64 * 1024

/** Compression of the sockets that one ws server negotiates (RFC 7692), within the budget of all sockets. */
export class Compression {
  readonly #server: WebSocketServer
  /** The same server, except that it declines permessage-deflate. Undefined if the first one does that too. */
  readonly #declining: WebSocketServer | undefined
  readonly #size: number
  readonly #admission: Admission
  readonly #deflates: DeflatePool

  constructor (server: WebSocketServer, admission: Admission) {
    this.#server = server
    this.#admission = admission
    const { perMessageDeflate = false } = server.options
    this.#declining = perMessageDeflate === false ? undefined : withOptions(server, { perMessageDeflate: false })
    this.#deflates = admission.compression.poolOf(perMessageDeflate)
    this.#size = measureContexts(typeof perMessageDeflate === 'object' ? perMessageDeflate : {})
  }

  /**
   * Returns the server that is to negotiate a handshake: one that declines compression if the budget is used up. A
   * client continues without an extension that is not accepted (RFC 6455 section 9.1).
   */
  selectServer (upgrade: Upgrade, { headers }: RawRequest): WebSocketServer {
    const offers = this.#declining !== undefined && headers['sec-websocket-extensions']?.includes(EXTENSION) === true
    return !offers || this.#admission.reserveCompression(upgrade, this.#size) ? this.#server : this.#declining!
  }

  /** Called when a handshake has opened a socket, before it ends. */
  opened (upgrade: Upgrade, socket: WebSocket): void {
    // Otherwise ws has not accepted the offer, and the reservation ends with the handshake.
    if (this.#declining === undefined || socket.extensions === '') return
    this.#admission.compression.transfer(upgrade, socket)
    shareDeflate(socket, this.#deflates)
  }

  closed (socket: WebSocket): void {
    if (this.#declining !== undefined) this.#admission.compression.release(socket)
  }
}

/**
 * Returns the memory, in bytes, that the zlib contexts of a socket need at most: what zlib allocates for them
 * (deflateInit2_ and inflateInit2_), and the output buffer of each. A deflate context that sockets share is not
 * counted.
 */
export function measureContexts (options: PerMessageDeflateOptions): number {
  const { serverMaxWindowBits, clientMaxWindowBits, serverNoContextTakeover, zlibDeflateOptions, zlibInflateOptions } =
    options
  const { memLevel = MEM_LEVEL, chunkSize = CHUNK_SIZE } = zlibDeflateOptions ?? {}
  const deflateWindow = 2 ** readBits(serverMaxWindowBits)
  const hashTable = Math.max(LEAST_HASH_TABLE, 2 ** (memLevel + 8))
  const deflate = 4 * deflateWindow + hashTable + 5 * 2 ** (memLevel + 6) + DEFLATE_STATE + chunkSize
  const inflate = 2 ** readBits(clientMaxWindowBits) + INFLATE_STATE + (zlibInflateOptions?.chunkSize ?? CHUNK_SIZE)
  return inflate + (serverNoContextTakeover === true ? 0 : deflate)
}

/** Returns the bits of the largest window that an option allows. Node raises 8 to 9: zlib cannot deflate with 8. */
function readBits (option: boolean | number | undefined): number {
  return typeof option === 'number' ? Math.max(option, 9) : WINDOW_BITS
}
