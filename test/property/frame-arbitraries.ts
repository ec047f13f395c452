import fc from 'fast-check'
import { BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT, cut, deflate, wsFrame } from '../helpers/ws-frames.ts'
import type { LengthSize } from '../helpers/ws-frames.ts'

/** A WebSocket frame of a client, valid or not: RFC 6455 section 5.2. */
export interface RawFrame {
  opcode: number
  fin: boolean
  rsv: number
  masked: boolean
  /** In hexadecimal. Default: the same key for all frames. */
  maskingKey?: string
  /** In hexadecimal, so that a counterexample is readable. */
  payload: string
  /** Number of bytes of the extended payload length. Default: the fewest. */
  lengthSize?: LengthSize
  /** The length that the frame claims. Default: that of its payload. */
  claimedLength?: bigint
}

/** The frames that a client sends, and the pieces in which it sends them. */
export interface Script {
  frames: RawFrame[]
  /** Number of bytes that are missing at the end. */
  missing: number
  /** Sizes of the pieces. The rest is the last piece. */
  pieces: number[]
  padding: number[]
  /** Whether the first piece is sent before the handshake is answered. */
  isEarly: boolean
  /** When the client ends its side: with the last piece, after it, or never. */
  end: 'with' | 'after' | 'never'
}

const MASKING_KEY = Buffer.of(0x9d, 0x00, 0x4c, 0xf1)

/** Number of bytes that fits into the first window of a stream, together with some padding. */
const LARGEST_SCRIPT = 40_000

const BAD_TEXT = ['ff', 'c080', 'eda080', 'f8a1a1a1a1', 'e282', '616263ff', 'f4908080']
const BAD_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]
const GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]

const controlText = fc.string({ unit: 'grapheme', maxLength: 8 }).map(hex)
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.nat(300).map((size) => 'ä'.repeat(size))).map(hex)
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map(hex),
  { weight: 1, arbitrary: fc.constantFrom(125, 126, 127, 1000, 9000).map((size) => '5a'.repeat(size)) }
)

const ping = fc.tuple(fc.constantFrom(PING, PONG), controlText).map(([opcode, payload]) => frame(opcode, payload))

const close = fc.oneof(
  fc.constant(frame(CLOSE, '')),
  fc.tuple(fc.constantFrom(...GOOD_CODES), controlText).map(([code, reason]) => closeFrame(code, reason))
)

/** A message in one or more frames, with pings between them. A frame may end inside a character. */
const message = fc.record({
  kind: fc.oneof(
    fc.tuple(fc.constant(TEXT), text), fc.tuple(fc.constant(BINARY), bytes), fc.tuple(fc.constant(TEXT), bytes)
  ),
  cuts: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, fc.array(fc.nat(40), { maxLength: 4 })),
  between: fc.array(ping, { maxLength: 2 })
}).map(({ kind: [opcode, payload], cuts, between }) => {
  const parts = cut(Buffer.from(payload, 'hex'), cuts)
  return parts.flatMap((part, index) => {
    const isLast = index === parts.length - 1
    const one = { ...frame(index === 0 ? opcode : CONTINUATION, hex(part)), fin: isLast }
    return isLast ? [one] : [one, ...between]
  })
})

/** A frame that a client must not send, or not at this point. */
const invalid: fc.Arbitrary<RawFrame> = fc.oneof(
  fc.integer({ min: 0, max: 15 }).map((opcode) => frame(opcode, '00')),
  fc.integer({ min: 1, max: 7 }).map((rsv) => ({ ...frame(TEXT, '61'), rsv })),
  fc.constantFrom(TEXT, PING, CLOSE, BINARY).map((opcode) => ({ ...frame(opcode, '03e8'), masked: false })),
  fc.constantFrom(...BAD_TEXT).map((payload) => frame(TEXT, payload)),
  fc.constantFrom(...BAD_TEXT).map((payload) => frame(CLOSE, `03e8${payload}`)),
  fc.constantFrom(...BAD_CODES).map((code) => closeFrame(code, '')),
  fc.constant(frame(CLOSE, '03')),
  fc.constantFrom(PING, PONG, CLOSE).map((opcode) => ({ ...frame(opcode, '61'), fin: false })),
  fc.constantFrom(PING, PONG, CLOSE).map((opcode) => frame(opcode, '03e8'.repeat(63))),
  fc.constantFrom(TEXT, BINARY, PING).map((opcode) => ({ ...frame(opcode, '61'), lengthSize: 2 as const })),
  fc.constantFrom(TEXT, BINARY, PING).map((opcode) => ({ ...frame(opcode, '61'), lengthSize: 8 as const })),
  fc.constantFrom(70_000n, 2n ** 31n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n).map((claimedLength) => {
    return { ...frame(BINARY, '61'), lengthSize: 8 as const, claimedLength }
  })
)

export const frames: fc.Arbitrary<RawFrame[]> = fc.array(fc.oneof(
  { weight: 8, arbitrary: message },
  { weight: 3, arbitrary: ping.map((one) => [one]) },
  { weight: 1, arbitrary: close.map((one) => [one]) },
  { weight: 2, arbitrary: invalid.map((one) => [one]) }
), { maxLength: 12 }).map((groups) => groups.flat())

/** A compressed message in one or more frames. In some of them bytes are changed or missing. */
const compressed = fc.record({
  kind: fc.oneof(
    fc.tuple(fc.constant(TEXT), text), fc.tuple(fc.constant(BINARY), bytes), fc.tuple(fc.constant(TEXT), bytes),
    fc.tuple(fc.constant(BINARY), fc.constant('00'.repeat(20_000)))
  ),
  cuts: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, fc.array(fc.nat(40), { maxLength: 4 })),
  changes: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Array<[number, number]>>([]) },
    fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 2 })
  ),
  missing: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(4))
}).map(({ kind: [opcode, payload], cuts, changes, missing }) => {
  const whole = deflate(Buffer.from(payload, 'hex'))
  const bytes = whole.subarray(0, Math.max(0, whole.length - missing))
  for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
  const parts = cut(bytes, cuts)
  return parts.map((part, index) => {
    const fin = index === parts.length - 1
    return index === 0 ? { ...frame(opcode, hex(part)), fin, rsv: RSV1 } : { ...frame(CONTINUATION, hex(part)), fin }
  })
})

/** Frames of a client that has negotiated permessage-deflate (RFC 7692). */
export const compressedFrames: fc.Arbitrary<RawFrame[]> = fc.array(fc.oneof(
  { weight: 8, arbitrary: compressed },
  { weight: 3, arbitrary: message },
  { weight: 2, arbitrary: ping.map((one) => [one]) },
  { weight: 1, arbitrary: close.map((one) => [one]) },
  { weight: 2, arbitrary: invalid.map((one) => [one]) }
), { maxLength: 12 }).map((groups) => groups.flat())

export const script: fc.Arbitrary<Script> = fc.record({
  frames,
  missing: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(20)),
  pieces: fc.array(fc.oneof(fc.nat(3), fc.nat(60), fc.nat(6000)), { maxLength: 12 }),
  padding: fc.array(fc.nat(255), { minLength: 1, maxLength: 4 }),
  isEarly: fc.boolean(),
  end: fc.constantFrom('with', 'after', 'never')
})

/** Returns the pieces in which a script is sent. Some of them may be empty. */
export function toPieces ({ frames, missing, pieces }: Script): Buffer[] {
  const whole = Buffer.concat(frames.map(encodeFrame)).subarray(0, LARGEST_SCRIPT)
  return cut(whole.subarray(0, Math.max(0, whole.length - missing)), pieces)
}

export function encodeFrame ({ opcode, payload, maskingKey, ...shape }: RawFrame): Buffer {
  const key = maskingKey === undefined ? MASKING_KEY : Buffer.from(maskingKey, 'hex')
  return wsFrame(opcode, Buffer.from(payload, 'hex'), { ...shape, maskingKey: key })
}

function frame (opcode: number, payload: string): RawFrame {
  return { opcode, fin: true, rsv: 0, masked: true, payload }
}

function closeFrame (code: number, reason: string): RawFrame {
  return frame(CLOSE, code.toString(16).padStart(4, '0') + reason)
}

function hex (data: string | Uint8Array): string {
  return Buffer.from(data as string).toString('hex')
}
