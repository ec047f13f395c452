import { Buffer } from 'node:buffer'
import { LENGTH_16, LENGTH_64, WHOLE_BINARY, WHOLE_TEXT } from './constants.ts'

/**
 * Returns a message as one unmasked frame (RFC 6455 section 5.2).
 *
 * @param size of the message, in bytes
 */
export function frame (data: string | Uint8Array, size: number, isBinary: boolean): Buffer {
  const start = headerSize(size)
  const bytes = Buffer.allocUnsafe(start + size)
  bytes[0] = isBinary ? WHOLE_BINARY : WHOLE_TEXT
  if (size < LENGTH_16) {
    bytes[1] = size
  } else if (size < 0x10000) {
    bytes[1] = LENGTH_16
    bytes.writeUInt16BE(size, 2)
  } else {
    bytes[1] = LENGTH_64
    bytes.writeBigUInt64BE(BigInt(size), 2)
  }
  if (typeof data === 'string') bytes.write(data, start)
  else bytes.set(data, start)
  return bytes
}

/** Returns the size, in bytes, of the header of an unmasked frame. */
export function headerSize (size: number): number {
  if (size < LENGTH_16) return 2
  return size < 0x10000 ? 4 : 10
}
