import { isUtf8 } from 'node:buffer'
import { isAnyArrayBuffer } from 'node:util/types'
import type { MessageOptions, PreparedMessage as PublicMessage } from '../../types/index.ts'
import { toError } from '../error-handling.ts'
import { FST_WS_INVALID_MESSAGE } from '../errors.ts'
import { describe, isPromise } from '../options/validate.ts'
import { countBytes } from './count-bytes.ts'
import { frame, headerSize } from './whole-frame.ts'

/** Property of the options with which a prepared message is passed to `send()`: the message. */
export const kPrepared = Symbol('fastify-websocket-h2.prepared')

/** Options of `send()` for a prepared message. ws passes them on, down to the frame. */
export interface PreparedOptions {
  readonly binary: boolean
  readonly compress?: boolean
  readonly [kPrepared]: PreparedMessage
}

/** Returns the prepared message that was passed to `send()` with these options. */
export function preparedOf (options: unknown): PreparedMessage | undefined {
  return (options as Partial<PreparedOptions> | null | undefined)?.[kPrepared]
}

/** Message that is framed once, for any number of sockets. */
export class PreparedMessage implements PublicMessage {
  readonly isBinary: boolean
  readonly byteLength: number
  /** One unmasked frame, for all sockets that do not compress it. */
  readonly frame: Buffer
  /** Payload of the frame. */
  readonly payload: Buffer
  /** Data for `send()`: text as it was passed in, or the payload. */
  readonly data: string | Buffer
  /** Options for `send()`. */
  readonly options: PreparedOptions

  /** @param compress default: as `send()` does it on each socket */
  constructor (data: string | Uint8Array, isBinary: boolean, compress?: boolean) {
    this.isBinary = isBinary
    this.byteLength = countBytes(data)
    this.frame = frame(data, this.byteLength, isBinary)
    this.payload = this.frame.subarray(headerSize(this.byteLength))
    this.data = typeof data === 'string' ? data : this.payload
    this.options = { binary: isBinary, ...(compress !== undefined && { compress }), [kPrepared]: this }
  }
}

/**
 * Prepares a message: strings and bytes as they are, anything else as JSON. A prepared message is returned.
 *
 * @throws FST_WS_INVALID_MESSAGE
 */
export function prepareMessage (data: unknown, { binary, compress }: MessageOptions = {}): PreparedMessage {
  if (data instanceof PreparedMessage) {
    if (binary === undefined && compress === undefined) return data
    throw new FST_WS_INVALID_MESSAGE('a prepared one, with options that only prepare() takes')
  }
  const bytes = toBytes(data)
  if (bytes === undefined) return new PreparedMessage(toText(data), binary ?? false, compress)
  if (binary === false && !isUtf8(bytes)) throw new FST_WS_INVALID_MESSAGE('bytes that are not UTF-8, as text')
  return new PreparedMessage(bytes, binary ?? true, compress)
}

function toBytes (data: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return isAnyArrayBuffer(data) ? new Uint8Array(data) : undefined
}

function toText (data: unknown): string {
  if (typeof data === 'string') return data
  // The JSON of both would be '{}'.
  if (data instanceof Blob) throw new FST_WS_INVALID_MESSAGE('a Blob: pass "await blob.bytes()"')
  if (isPromise(data)) throw new FST_WS_INVALID_MESSAGE('a promise: await it')
  const json = toJson(data)
  if (json === undefined) throw new FST_WS_INVALID_MESSAGE(describe(data))
  return json
}

function toJson (data: unknown): string | undefined {
  try {
    return JSON.stringify(data)
  } catch (thrown) {
    const cause = toError(thrown, 'toJSON()')
    // V8 draws the path of a circular structure on the lines that follow.
    throw new FST_WS_INVALID_MESSAGE(`a value that has no JSON: ${cause.message.split('\n', 1)[0]}`, { cause })
  }
}
