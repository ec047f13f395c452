/** WebSocket frames (RFC 6455 section 5.2), valid or not, built and read byte by byte. */
import { constants, deflateRawSync } from 'node:zlib'

export interface WsFrame {
  opcode: number
  fin: boolean
  masked: boolean
  rsv: number
  payload: Buffer
}

export const CONTINUATION = 0
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

const NAMES = new Map([
  [CONTINUATION, 'Continuation'], [TEXT, 'Text'], [BINARY, 'Binary'], [CLOSE, 'Close'], [PING, 'Ping'], [PONG, 'Pong']
])

const MASKING_KEY = Buffer.of(0x37, 0xfa, 0x21, 0x3d)
/** A key that leaves the payload as it is. */
export const ZERO_MASKING_KEY = Buffer.alloc(4)

/** The bit of a compressed message, and the number of bytes omitted at its end (RFC 7692 section 7.2.1). */
export const RSV1 = 4
const SYNC_TAIL = 4

/** Number of bytes of the extended payload length. */
export type LengthSize = 0 | 2 | 8

export interface FrameShape extends Partial<Omit<WsFrame, 'opcode' | 'payload'>> {
  maskingKey?: Buffer
  /** Default: the fewest bytes. */
  lengthSize?: LengthSize | undefined
  /** The payload length that the frame claims. Default: that of its payload. */
  claimedLength?: bigint | undefined
}

/** Returns a frame as a client sends it, except for what `shape` changes. */
export function wsFrame (opcode: number, payload: Buffer | string = '', shape: FrameShape = {}): Buffer {
  const { fin = true, masked = true, rsv = 0, maskingKey = MASKING_KEY, lengthSize, claimedLength } = shape
  const body = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  const length = encodeLength(claimedLength ?? BigInt(body.length), lengthSize)
  if (!masked) return Buffer.concat([Buffer.of(first), length, body])
  length[0]! |= 0x80
  return Buffer.concat([Buffer.of(first), length, maskingKey, mask(body, maskingKey)])
}

/** Returns the payload of a compressed message (RFC 7692 section 7.2.1). */
export function deflate (text: Buffer | string): Buffer {
  const bytes = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
  return bytes.subarray(0, -SYNC_TAIL)
}

/** Cuts bytes into parts of these sizes, and the rest. */
export function cut (bytes: Buffer, sizes: number[]): Buffer[] {
  const parts: Buffer[] = []
  let rest = bytes
  for (const size of sizes) {
    parts.push(rest.subarray(0, size))
    rest = rest.subarray(size)
  }
  return [...parts, rest]
}

export function wsText (text: string): Buffer {
  return wsFrame(TEXT, text)
}

export function wsClose (code?: number, reason = ''): Buffer {
  if (code === undefined) return wsFrame(CLOSE)

  const body = Buffer.alloc(2)
  body.writeUInt16BE(code)
  return wsFrame(CLOSE, Buffer.concat([body, Buffer.from(reason)]))
}

/** Returns the frames in a stream of bytes, and the bytes of an incomplete one. */
export function readWsFrames (bytes: Buffer): [frames: WsFrame[], rest: Buffer] {
  const frames: WsFrame[] = []
  let rest = bytes
  for (let size = frameSize(rest); size <= rest.length; size = frameSize(rest)) {
    frames.push(readWsFrame(rest.subarray(0, size)))
    rest = rest.subarray(size)
  }
  return [frames, rest]
}

/** Describes a frame for assertions: "Close 4001 bye", "Text hello", "Binary 3". */
export function describeWsFrame ({ opcode, payload }: WsFrame): string {
  const name = NAMES.get(opcode) ?? `Opcode ${opcode}`
  if (opcode === BINARY || payload.length > 100) return `${name} ${payload.length}`
  if (opcode !== CLOSE || payload.length < 2) return `${name} ${payload}`.trimEnd()
  return `${name} ${payload.readUInt16BE()} ${payload.subarray(2)}`.trimEnd()
}

function encodeLength (length: bigint, size: LengthSize = length < 126n ? 0 : length < 65_536n ? 2 : 8): Buffer {
  const bytes = Buffer.alloc(1 + size)
  if (size === 0) bytes[0] = Number(length)
  if (size === 2) bytes.writeUInt16BE(Number(length), 1)
  if (size === 8) bytes.writeBigUInt64BE(length, 1)
  if (size > 0) bytes[0] = size === 2 ? 126 : 127
  return bytes
}

function mask (bytes: Buffer, key: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, index) => byte ^ key[index % 4]!))
}

function headSize (bytes: Buffer): number {
  const length = bytes[1]! & 127
  const extended = length === 127 ? 8 : length === 126 ? 2 : 0
  return 2 + extended + (isMasked(bytes) ? 4 : 0)
}

/** Returns the size of the first frame, or Infinity if its header is incomplete. */
function frameSize (bytes: Buffer): number {
  if (bytes.length < 2 || bytes.length < headSize(bytes)) return Infinity

  const length = bytes[1]! & 127
  if (length === 127) return headSize(bytes) + Number(bytes.readBigUInt64BE(2))
  return headSize(bytes) + (length === 126 ? bytes.readUInt16BE(2) : length)
}

function readWsFrame (bytes: Buffer): WsFrame {
  const size = headSize(bytes)
  const body = bytes.subarray(size)
  const masked = isMasked(bytes)
  return {
    opcode: bytes[0]! & 15,
    fin: (bytes[0]! & 0x80) !== 0,
    rsv: (bytes[0]! >> 4) & 7,
    masked,
    payload: masked ? mask(body, bytes.subarray(size - 4, size)) : body
  }
}

function isMasked (bytes: Buffer): boolean {
  return (bytes[1]! & 0x80) !== 0
}
