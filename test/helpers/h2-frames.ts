import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { HeaderReader, encodeFields } from './hpack.ts'
import type { Field, Headers } from './hpack.ts'
import { TIME_LIMIT } from './waiting.ts'
import { describeWsFrame, readWsFrames } from './ws-frames.ts'

/** RFC 9113 section 7. */
export const ERROR_CODES = [
  'NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED',
  'FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'
] as const

export type ErrorCode = typeof ERROR_CODES[number]

const FRAME_TYPES = [
  'DATA', 'HEADERS', 'PRIORITY', 'RST_STREAM', 'SETTINGS', 'PUSH_PROMISE', 'PING', 'GOAWAY', 'WINDOW_UPDATE',
  'CONTINUATION'
] as const

export type FrameType = typeof FRAME_TYPES[number]

/** RFC 9113 section 6.5.2, and RFC 8441 section 3. */
export const SETTINGS_MAX_CONCURRENT_STREAMS = 3
export const SETTINGS_INITIAL_WINDOW_SIZE = 4
export const SETTINGS_MAX_HEADER_LIST_SIZE = 6
export const SETTINGS_ENABLE_CONNECT_PROTOCOL = 8

const END_STREAM = 1
const ACK = 1
const END_HEADERS = 4
export const PADDED = 8

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const FRAME_HEADER_SIZE = 9
/** RFC 9113 section 6.5.2: the default of SETTINGS_MAX_FRAME_SIZE. */
export const MAX_FRAME_SIZE = 16_384
/** RFC 9113 section 6.9.2. */
export const DEFAULT_WINDOW = 65_535
const NOTHING = Buffer.alloc(0)

export interface Frame {
  type: FrameType
  flags: number
  streamId: number
  payload: Buffer
  /** Only of a HEADERS frame, which includes its CONTINUATION frames here. */
  headers?: Headers
}

/** Descriptions of the frames received on a stream, and the bytes of an incomplete WebSocket frame. */
interface Stream {
  trace: string[]
  rest: Buffer
}

export interface OpenOptions {
  host?: string
  tls?: boolean
  /** Our own SETTINGS, by identifier. */
  settings?: Record<number, number>
  /** Open the windows again for everything that was received. Default: true. */
  windowUpdates?: boolean
  /** Apply and acknowledge the server's SETTINGS. Default: true. */
  acknowledges?: boolean
}

/** A window of zero on every stream: the server can send response heads, and no data. */
export const NO_WINDOW: OpenOptions = { settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: 0 } }

/** Fields of a CONNECT that replace or extend the usual ones; undefined omits one. */
export type Overrides = Record<string, string | string[] | undefined>

/** An HTTP/2 client that sends single frames, also such as an HTTP/2 library would not send. */
export class FrameClient {
  /** Frames of the server, in order. */
  readonly frames: Frame[] = []
  /** Settles when the connection has ended, from either side. */
  readonly closed: Promise<unknown>
  windowUpdates: boolean
  /** Whether the server's SETTINGS are applied and acknowledged. */
  acknowledges = true
  /** Whether the server's PINGs are answered. */
  answersPings = true

  readonly #tcp: Socket
  readonly #socket: Socket
  readonly #scheme: string
  readonly #authority: string
  readonly #log: string[] = []
  readonly #headerReader = new HeaderReader()
  readonly #streams = new Map<number, Stream>()
  readonly #waiting = new Set<() => void>()
  readonly #increments = new Map<number, number>()
  readonly #settings = new Map<number, number>()
  #block: Frame | undefined
  #unread = NOTHING
  #ended = false

  /** Connects, and waits for the server's SETTINGS. */
  static async open (port: number, options: OpenOptions = {}): Promise<FrameClient> {
    const { host = '127.0.0.1', tls = false, settings = {}, windowUpdates = true, acknowledges = true } = options
    const tcp = connectTcp({ host, port, noDelay: true })
    await once(tcp, 'connect')

    const socket = tls ? connectTls({ socket: tcp, ALPNProtocols: ['h2'], rejectUnauthorized: false }) : tcp
    const client = new FrameClient(tcp, socket, tls ? 'https' : 'http', `localhost:${port}`, windowUpdates)
    client.acknowledges = acknowledges
    client.batch(() => {
      socket.write(PREFACE)
      client.settings(settings)
    })
    await client.waitForFrame(({ type, flags }) => type === 'SETTINGS' && flags === 0)
    return client
  }

  private constructor (tcp: Socket, socket: Socket, scheme: string, authority: string, windowUpdates: boolean) {
    this.#tcp = tcp
    this.#socket = socket
    this.#scheme = scheme
    this.#authority = authority
    this.windowUpdates = windowUpdates
    this.closed = new Promise((resolve) => { socket.once('close', resolve) })

    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.#log.push(`< ${error.message}`))
    socket.on('close', () => { this.#ended = true; this.#wake() })
  }

  /** The server's first SETTINGS, by identifier. */
  get serverSettings (): Record<number, number> {
    return readSettings(this.frames.find(({ type }) => type === 'SETTINGS')!.payload)
  }

  /** Returns the current value of one of the server's SETTINGS, as far as we have acknowledged it. */
  setting (identifier: number): number | undefined {
    return this.#settings.get(identifier)
  }

  /** Returns the server's SETTINGS frames, each by identifier. */
  settingsFrames (): Array<Record<number, number>> {
    return this.frames.filter(({ type, flags }) => type === 'SETTINGS' && flags === 0)
      .map(({ payload }) => readSettings(payload))
  }

  /** Returns the sum of the server's WINDOW_UPDATE frames for a stream, or for the connection. */
  increments (streamId: number): number {
    return this.#increments.get(streamId) ?? 0
  }

  // Sending

  /** Sends all frames of a function in one write: one TCP segment, if they fit into one. */
  batch (send: () => void): void {
    this.#socket.cork()
    send()
    this.#socket.uncork()
  }

  /** Sends an Extended CONNECT (RFC 8441 section 4). */
  connect (streamId: number, path: string, overrides: Overrides = {}, endStream = false): void {
    this.headers(streamId, this.connectFields(path, overrides), endStream)
  }

  /** Returns the fields of an Extended CONNECT, for tests that change their order or number. */
  connectFields (path: string, overrides: Overrides = {}): Field[] {
    return toFields({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': this.#scheme,
      ':authority': this.#authority,
      ':path': path,
      'sec-websocket-version': '13',
      ...overrides
    })
  }

  get (streamId: number, path: string): void {
    this.headers(streamId, toFields({
      ':method': 'GET', ':scheme': this.#scheme, ':authority': this.#authority, ':path': path
    }), true)
  }

  headers (streamId: number, fields: Field[], endStream = false): void {
    const parts = split(encodeFields(fields))
    this.batch(() => {
      parts.forEach((part, index) => {
        const flags = index === parts.length - 1 ? END_HEADERS : 0
        if (index > 0) this.send('CONTINUATION', streamId, part, flags)
        else this.send('HEADERS', streamId, part, flags | (endStream ? END_STREAM : 0))
      })
    })
  }

  data (streamId: number, payload: Buffer, endStream = false): void {
    this.send('DATA', streamId, payload, endStream ? END_STREAM : 0)
  }

  end (streamId: number): void {
    this.data(streamId, NOTHING, true)
  }

  rst (streamId: number, code: ErrorCode = 'CANCEL'): void {
    this.send('RST_STREAM', streamId, uint32(ERROR_CODES.indexOf(code)))
  }

  goaway (code: ErrorCode = 'NO_ERROR', lastStreamId = 0): void {
    this.send('GOAWAY', 0, Buffer.concat([uint32(lastStreamId), uint32(ERROR_CODES.indexOf(code))]))
  }

  windowUpdate (streamId: number, increment: number): void {
    this.send('WINDOW_UPDATE', streamId, uint32(increment))
  }

  settings (settings: Record<number, number>): void {
    this.send('SETTINGS', 0, Buffer.concat(Object.entries(settings).map(([identifier, value]) => {
      return Buffer.concat([Buffer.of(0, Number(identifier)), uint32(value)])
    })))
  }

  ping (opaque: Buffer): void {
    this.send('PING', 0, opaque)
  }

  send (type: FrameType, streamId: number, payload: Buffer, flags = 0): void {
    this.#log.push(`> ${streamId} ${describe({ type, flags, streamId, payload })}`)
    const header = Buffer.alloc(FRAME_HEADER_SIZE)
    header.writeUIntBE(payload.length, 0, 3)
    header[3] = FRAME_TYPES.indexOf(type)
    header[4] = flags
    header.writeUInt32BE(streamId, 5)
    this.#socket.write(Buffer.concat([header, payload]))
  }

  /** Ends the connection with a FIN. */
  endConnection (): void {
    this.#socket.end()
  }

  /** Ends the connection with a TCP reset. */
  resetConnection (): void {
    this.#tcp.resetAndDestroy()
  }

  destroy (): void {
    this.#socket.destroy()
  }

  // Receiving

  /** Waits for the first frame that matches, which may have been received already. */
  waitForFrame (matches: (frame: Frame) => boolean, limit?: number): Promise<Frame> {
    return this.until(() => this.frames.find(matches), limit)
  }

  /** Waits for the response head. */
  async response (streamId: number): Promise<Headers> {
    const { headers } = await this.waitForFrame((frame) => frame.type === 'HEADERS' && frame.streamId === streamId)
    return headers!
  }

  /** Waits for the server's RST_STREAM, and returns the `trace` of the stream. */
  async untilReset (streamId: number): Promise<string[]> {
    await this.waitForFrame((frame) => frame.type === 'RST_STREAM' && frame.streamId === streamId)
    return this.trace(streamId)
  }

  /** Waits for the server's END_STREAM, and returns the `trace` of the stream. */
  async untilEnd (streamId: number): Promise<string[]> {
    await this.waitForFrame((frame) => frame.streamId === streamId && endsStream(frame))
    return this.trace(streamId)
  }

  /** Waits for a frame with this description, and returns the `wsTrace` of the stream. */
  async untilReceived (streamId: number, description: string): Promise<string[]> {
    await this.until(() => this.wsTrace(streamId).includes(description) || undefined)
    return this.wsTrace(streamId)
  }

  /** Waits until the server has read everything that was sent so far, and its reaction has been received. */
  async roundTrip (): Promise<void> {
    const opaque = Buffer.alloc(8)
    opaque.writeUInt32BE(this.#log.length)
    this.ping(opaque)
    await this.waitForFrame(({ type, flags, payload }) => type === 'PING' && flags === ACK && payload.equals(opaque))
  }

  /** Describes the frames of a stream: "HEADERS", "DATA END_STREAM", "RST_STREAM CANCEL". */
  trace (streamId: number): string[] {
    return this.frames.filter((frame) => frame.streamId === streamId && frame.type !== 'WINDOW_UPDATE').map(describe)
  }

  /** Describes the frames of a stream, WebSocket frames in place of DATA: "HEADERS", "Close 1000", "END_STREAM". */
  wsTrace (streamId: number): string[] {
    return [...this.#streamOf(streamId).trace]
  }

  /** Waits until a function finds something among the frames. Fails after a time limit, and reports the last frames. */
  until<Found> (find: () => Found | undefined, limit = TIME_LIMIT): Promise<Found> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find()
        if (found !== undefined) settle(() => resolve(found))
        else if (this.#ended) settle(() => reject(this.#failure('the connection ended')))
      }
      const settle = (outcome: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        outcome()
      }
      const timer = setTimeout(() => settle(() => reject(this.#failure(`nothing in ${limit} ms`))), limit)
      this.#waiting.add(look)
      look()
    })
  }

  #failure (reason: string): Error {
    return new Error(`${reason}\n${this.#log.slice(-200).join('\n')}`)
  }

  #wake (): void {
    for (const look of this.#waiting) look()
  }

  #read (chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    while (this.#unread.length >= FRAME_HEADER_SIZE) {
      const end = FRAME_HEADER_SIZE + this.#unread.readUIntBE(0, 3)
      if (this.#unread.length < end) break
      this.#receive({
        type: FRAME_TYPES[this.#unread[3]!]!,
        flags: this.#unread[4]!,
        streamId: this.#unread.readUInt32BE(5) & 0x7fffffff,
        payload: this.#unread.subarray(FRAME_HEADER_SIZE, end)
      })
      this.#unread = this.#unread.subarray(end)
    }
    this.#wake()
  }

  #receive (frame: Frame): void {
    this.#log.push(`< ${frame.streamId} ${describe(frame)}`)
    if (frame.type === 'HEADERS' || frame.type === 'CONTINUATION') return this.#receiveHeaders(frame)

    this.#record(frame)
    if (frame.type === 'SETTINGS' && frame.flags === 0 && this.acknowledges) this.#acknowledge(frame)
    if (frame.type === 'WINDOW_UPDATE') {
      this.#increments.set(frame.streamId, this.increments(frame.streamId) + frame.payload.readUInt32BE())
    }
    if (frame.type === 'PING' && frame.flags === 0 && this.answersPings) this.send('PING', 0, frame.payload, ACK)
    if (frame.type === 'DATA' && this.windowUpdates) this.#openWindows(frame)
  }

  #acknowledge (frame: Frame): void {
    for (const [identifier, value] of Object.entries(readSettings(frame.payload))) {
      this.#settings.set(Number(identifier), value)
    }
    this.send('SETTINGS', 0, NOTHING, ACK)
  }

  /** Joins the frames of a header block before it decodes them (RFC 9113 section 4.3). */
  #receiveHeaders (frame: Frame): void {
    const block = this.#block === undefined
      ? frame
      : { ...this.#block, payload: Buffer.concat([this.#block.payload, frame.payload]) }
    this.#block = block
    if ((frame.flags & END_HEADERS) === 0) return

    block.headers = this.#headerReader.read(block.payload)
    this.#block = undefined
    this.#record(block)
  }

  #record (frame: Frame): void {
    this.frames.push(frame)
    const stream = this.#streamOf(frame.streamId)
    if (frame.type === 'WINDOW_UPDATE') return
    if (frame.type !== 'DATA') {
      stream.trace.push(describe(frame))
      return
    }
    const [wsFrames, rest] = readWsFrames(Buffer.concat([stream.rest, frame.payload]))
    stream.rest = rest
    stream.trace.push(...wsFrames.map(describeWsFrame))
    if (!endsStream(frame)) return
    if (rest.length > 0) stream.trace.push(`${rest.length} bytes of a frame`)
    stream.trace.push('END_STREAM')
  }

  #streamOf (streamId: number): Stream {
    const stream = this.#streams.get(streamId) ?? { trace: [], rest: NOTHING }
    this.#streams.set(streamId, stream)
    return stream
  }

  #openWindows (frame: Frame): void {
    const { length } = frame.payload
    if (length === 0) return
    this.windowUpdate(0, length)
    if (!endsStream(frame)) this.windowUpdate(frame.streamId, length)
  }
}

/** Whether a frame is the last of its sender on its stream. */
export function endsStream ({ type, flags }: Frame): boolean {
  return (type === 'DATA' || type === 'HEADERS') && (flags & END_STREAM) !== 0
}

function describe (frame: Frame): string {
  const { type, flags, payload } = frame
  if (type === 'RST_STREAM') return `${type} ${ERROR_CODES[payload.readUInt32BE(0)]}`
  if (type === 'GOAWAY') return `${type} ${ERROR_CODES[payload.readUInt32BE(4)]}`
  if (endsStream(frame)) return `${type} END_STREAM`
  return (type === 'SETTINGS' || type === 'PING') && flags === ACK ? `${type} ACK` : type
}

function readSettings (payload: Buffer): Record<number, number> {
  const settings: Record<number, number> = {}
  for (let at = 0; at < payload.length; at += 6) settings[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2)
  return settings
}

function toFields (headers: Overrides): Field[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    return value === undefined ? [] : [value].flat().map((each): Field => [name, each])
  })
}

function split (block: Buffer): Buffer[] {
  const parts = []
  for (let at = 0; at < block.length; at += MAX_FRAME_SIZE) parts.push(block.subarray(at, at + MAX_FRAME_SIZE))
  return parts
}

function uint32 (value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
