import { endianness } from 'node:os'

export const MASK_SIZE = 4

/** From here on it is quicker to unmask words than bytes. */
const WORTH_WORDS = 128
const HAS_WORDS = endianness() === 'LE'

/** Takes the mask out of a header that ends there: for ws the payload is not masked then. */
export function takeMask (chunk: Buffer, end: number): number {
  const mask = chunk.readInt32LE(end - MASK_SIZE)
  chunk.writeInt32LE(0, end - MASK_SIZE)
  return mask
}

/** Copies a payload that is the rest of a chunk, unmasked. Returns the copy, which is as long. */
export function copyUnmasked (payload: Buffer, chunk: Buffer, start: number): Buffer {
  const mask = chunk.readInt32LE(start - MASK_SIZE)
  if (payload.length < WORTH_WORDS) {
    copyBytes(payload, chunk, start, mask)
  } else {
    payload.set(chunk.subarray(start))
    unmask(payload, 0, payload.length, mask)
  }
  return payload
}

/** Four bytes at a time: none waits for the mask of the one before. */
function copyBytes (target: Buffer, source: Buffer, start: number, mask: number): void {
  const [second, third, fourth] = [mask >>> 8, mask >>> 16, mask >>> 24]
  let [to, from] = [0, start]
  for (const end = target.length - 3; to < end; to += 4, from += 4) {
    target[to] = source[from]! ^ mask
    target[to + 1] = source[from + 1]! ^ second
    target[to + 2] = source[from + 2]! ^ third
    target[to + 3] = source[from + 3]! ^ fourth
  }
  for (; to < target.length; to++, from++) {
    target[to] = source[from]! ^ mask
    mask = rotate(mask)
  }
}

/** Returns the mask of what follows. */
export function unmask (bytes: Buffer, begin: number, end: number, mask: number): number {
  let at = begin
  if (HAS_WORDS && end - begin >= WORTH_WORDS) {
    for (; ((bytes.byteOffset + at) & 3) !== 0; at++) mask = unmaskByte(bytes, at, mask)
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2)
    for (let index = 0; index < words.length; index++) words[index]! ^= mask
    at += words.byteLength
  }
  for (; at < end; at++) mask = unmaskByte(bytes, at, mask)
  return mask
}

function unmaskByte (bytes: Buffer, at: number, mask: number): number {
  bytes[at]! ^= mask
  return rotate(mask)
}

function rotate (mask: number): number {
  return (mask >>> 8) | (mask << 24)
}
