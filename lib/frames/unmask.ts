import * as http from 'node:http'
import { endianness } from 'node:os'

/** Size of a masking key, in bytes (RFC 6455 section 5.2). */
export const MASK_SIZE = 4

/** Size, in bytes, from which it is faster to unmask words, or to call Node, than to unmask bytes. */
const LARGE = 128
const IS_LITTLE_ENDIAN = endianness() === 'LE'

/** Functions of Node 26 and later, 7 to 12 times as fast as words. */
const { websocketMask, websocketUnmask } = http as {
  websocketMask?: (source: Buffer, mask: Buffer, output: Buffer, offset: number, length: number) => void
  websocketUnmask?: (buffer: Buffer, mask: Buffer) => void
}
const maskBytes = Buffer.alloc(MASK_SIZE)

/**
 * Returns the mask of a header that ends at `end`, and sets it to zero, so that ws does not unmask the payload again.
 */
export function takeMask (chunk: Buffer, end: number): number {
  const mask = chunk.readInt32LE(end - MASK_SIZE)
  chunk.writeInt32LE(0, end - MASK_SIZE)
  return mask
}

/** Copies a payload, the rest of a chunk, into a Buffer of the same size, and unmasks it there. Returns the Buffer. */
export function copyUnmasked (payload: Buffer, chunk: Buffer, start: number): Buffer {
  const mask = chunk.readInt32LE(start - MASK_SIZE)
  if (payload.length < LARGE) {
    copyBytes(payload, chunk, start, mask)
  } else if (websocketMask !== undefined) {
    maskBytes.writeInt32LE(mask)
    websocketMask(chunk.subarray(start), maskBytes, payload, 0, payload.length)
  } else {
    payload.set(chunk.subarray(start))
    unmask(payload, 0, payload.length, mask)
  }
  return payload
}

/** Copies and unmasks four bytes at a time, which do not depend on each other. */
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

/** Unmasks bytes in place (RFC 6455 section 5.3). Returns the mask of the bytes that follow. */
export function unmask (bytes: Buffer, begin: number, end: number, mask: number): number {
  if (end - begin >= LARGE) {
    if (websocketUnmask !== undefined) return unmaskByNode(websocketUnmask, bytes.subarray(begin, end), mask)
    if (IS_LITTLE_ENDIAN) return unmaskWords(bytes, begin, end, mask)
  }
  return unmaskBytes(bytes, begin, end, mask)
}

function unmaskByNode (websocketUnmask: (buffer: Buffer, mask: Buffer) => void, bytes: Buffer, mask: number): number {
  maskBytes.writeInt32LE(mask)
  websocketUnmask(bytes, maskBytes)
  let rotated = mask
  for (let left = bytes.length & 3; left > 0; left--) rotated = rotate(rotated)
  return rotated
}

function unmaskWords (bytes: Buffer, begin: number, end: number, mask: number): number {
  const aligned = begin + (-(bytes.byteOffset + begin) & 3)
  const wordMask = unmaskBytes(bytes, begin, aligned, mask)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (end - aligned) >> 2)
  for (let index = 0; index < words.length; index++) words[index]! ^= wordMask
  return unmaskBytes(bytes, aligned + words.byteLength, end, wordMask)
}

function unmaskBytes (bytes: Buffer, begin: number, end: number, mask: number): number {
  let rotated = mask
  for (let at = begin; at < end; at++) {
    bytes[at]! ^= rotated
    rotated = rotate(rotated)
  }
  return rotated
}

/** Returns a mask as it is one byte later. */
function rotate (mask: number): number {
  return (mask >>> 8) | (mask << 24)
}
