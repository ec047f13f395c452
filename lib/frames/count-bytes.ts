import { Buffer } from 'node:buffer'
import { isAnyArrayBuffer } from 'node:util/types'

/**
 * Counts the bytes of a message, of any type that ws emits or sends. Never throws: a user can also emit 'message' with
 * something else, which counts as 0 bytes.
 */
export function countBytes (data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data)
  if (ArrayBuffer.isView(data) || isAnyArrayBuffer(data)) return data.byteLength
  if (data instanceof Blob) return data.size
  // The fragments of a message, with `binaryType: 'fragments'`.
  if (Array.isArray(data) && data.length > 0 && data.every(Buffer.isBuffer)) {
    return data.reduce((sum, { length }) => sum + length, 0)
  }
  return countConverted(data)
}

/** Counts the bytes of what ws converts: a number to its digits, a falsy value to nothing, an array to bytes. */
function countConverted (data: unknown): number {
  if (typeof data === 'number') return String(data).length
  try {
    return Buffer.from(data as Buffer).length
  } catch {
    return 0
  }
}
