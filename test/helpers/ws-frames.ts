/** A WebSocket frame (RFC 6455 section 5.2), built and read byte by byte. */
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

const MASK = Buffer.of(0x37, 0xfa, 0x21, 0x3d)

/** A frame as a client sends it, unless `shape` says otherwise. */
export function wsFrame (opcode: number, payload: Buffer | string = '', shape: Partial<WsFrame> = {}): Buffer {
  const { fin = true, masked = true, rsv = 0 } = shape
  const body = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  const head = [Buffer.of(first), encodeLength(body.length, masked)]
  return Buffer.concat(masked ? [...head, MASK, mask(body, MASK)] : [...head, body])
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

/** The frames in a stream of bytes, and the bytes of one that is not whole yet. */
export function readWsFrames (bytes: Buffer): [frames: WsFrame[], rest: Buffer] {
  const frames: WsFrame[] = []
  let rest = bytes
  for (let size = frameSize(rest); size <= rest.length; size = frameSize(rest)) {
    frames.push(readWsFrame(rest.subarray(0, size)))
    rest = rest.subarray(size)
  }
  return [frames, rest]
}

/** "Close 4001 bye", "Text hello", "Binary 3": a frame in words, for assertions. */
export function describeWsFrame ({ opcode, payload }: WsFrame): string {
  const name = NAMES.get(opcode) ?? `Opcode ${opcode}`
  if (opcode === BINARY || payload.length > 100) return `${name} ${payload.length}`
  if (opcode !== CLOSE || payload.length < 2) return `${name} ${payload}`.trimEnd()
  return `${name} ${payload.readUInt16BE()} ${payload.subarray(2)}`.trimEnd()
}

function encodeLength (length: number, masked: boolean): Buffer {
  const bit = masked ? 0x80 : 0
  if (length < 126) return Buffer.of(bit | length)
  if (length < 65536) return Buffer.of(bit | 126, length >> 8, length & 255)

  const bytes = Buffer.alloc(9)
  bytes[0] = bit | 127
  bytes.writeBigUInt64BE(BigInt(length), 1)
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

/** Infinity where the bytes do not say it yet. */
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
