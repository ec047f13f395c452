import assert from 'node:assert/strict'
import type { Http2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { FrameReader } from '../../lib/frames/frame-reader.ts'
import type { MessageLimits } from '../../lib/frames/frame-reader.ts'
import { KEY } from '../helpers/upgrade-request.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { BINARY, TEXT, cut } from '../helpers/ws-frames.ts'
import { encodeFrame, frames } from './frame-arbitraries.ts'
import type { RawFrame } from './frame-arbitraries.ts'
import { testProperty } from './property.ts'

const RUNS = 1500
const NOTHING = Buffer.alloc(0)
const HEADERS = {
  connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': KEY
}

type Step = 'continue' | 'turn' | 'pause' | 'resume'
type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments'

interface Options extends MessageLimits {
  binaryType: BinaryType
}

/** A socket of ws, its connection, and descriptions of its events. */
class End {
  readonly events: string[] = []
  readonly sent: Buffer[] = []
  readonly connection: Duplex
  socket!: WebSocket

  constructor (options: Options) {
    this.connection = new Duplex({
      read () {},
      write: (chunk, _encoding, done) => { this.sent.push(chunk); done() }
    })
    const server = new WebSocketServer({ ...options, noServer: true })
    const request = { method: 'GET', url: '/', headers: HEADERS }
    server.handleUpgrade(request as never, this.connection as never, NOTHING, (socket) => {
      this.socket = Object.assign(socket, { binaryType: options.binaryType })
    })
    this.#observe()
  }

  receive (chunk: Buffer): void {
    this.connection.push(chunk)
  }

  #observe (): void {
    const { socket, events } = this
    socket.on('message', (data, isBinary) => { events.push(`${isBinary ? 'binary' : 'text'} ${describe(data)}`) })
    socket.on('ping', (data) => { events.push(`ping ${describe(data)}`) })
    socket.on('pong', (data) => { events.push(`pong ${describe(data)}`) })
    socket.on('error', (error: Error & { code?: string }) => { events.push(`error ${error.code}`) })
    socket.on('close', (code, reason) => { events.push(`close ${code} ${describe(reason)}`) })
  }
}

/** A socket of ws with a FrameReader ahead of its receiver. */
class ReadEnd extends End {
  /** Number of messages in one chunk that the reader delivered. */
  delivered = 0
  /** Number of messages in several chunks that the reader delivered. */
  joined = 0
  readonly #reader: FrameReader

  constructor (options: Options) {
    super(options)
    this.#reader = new FrameReader(this.connection as unknown as Http2Stream)
    this.#reader.start(this.socket, options)
  }

  override receive (chunk: Buffer): void {
    const { missing } = this.#reader
    const { length } = this.events
    const rest = this.#reader.read(chunk)
    if (rest !== chunk && this.events.length > length) missing > 0 ? this.joined++ : this.delivered++
    if (rest !== undefined) super.receive(rest)
  }
}

function describe (data: Buffer | ArrayBuffer | Buffer[]): string {
  const kind = Buffer.isBuffer(data) ? 'Buffer' : Array.isArray(data) ? `${data.length} Buffers` : 'ArrayBuffer'
  return `${kind} ${Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data as Buffer)]).toString('hex')}`
}

async function play (end: End, chunks: Buffer[], steps: Step[]): Promise<void> {
  for (const [index, chunk] of chunks.entries()) {
    if (!end.connection.destroyed) end.receive(Buffer.from(chunk))
    const step = steps[index % steps.length]!
    if (step === 'turn') await waitTurns()
    if (step === 'pause' || step === 'resume') end.socket[step]()
  }
  end.socket.resume()
  await waitTurns()
  end.connection.destroy()
  await waitTurns()
}

const mask = fc.oneof(fc.constant('00000000'), fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => {
  return Buffer.from(bytes).toString('hex')
}))

const large: fc.Arbitrary<RawFrame[]> = fc
  .tuple(fc.constantFrom(TEXT, BINARY), fc.integer({ min: 65_530, max: 66_000 }))
  .map(([opcode, size]) => [{ opcode, fin: true, rsv: 0, masked: true, payload: '78'.repeat(size) }])

/** Frames, most of them in a chunk of their own. Some are split, or share a chunk with the next ones. */
const chunks = fc.record({
  frames: fc.oneof({ weight: 20, arbitrary: frames }, { weight: 1, arbitrary: large }),
  masks: fc.array(mask, { minLength: 1, maxLength: 4 }),
  cuts: fc.array(fc.oneof(
    { weight: 3, arbitrary: fc.constant<number[] | 'join'>([]) },
    fc.array(fc.oneof(fc.nat(8), fc.nat(200)), { minLength: 1, maxLength: 4 }),
    fc.constant<'join'>('join')
  ), { minLength: 1, maxLength: 6 })
}).map(({ frames, masks, cuts }) => {
  const chunks: Buffer[] = []
  let rest: Buffer = NOTHING
  frames.forEach((frame, index) => {
    rest = Buffer.concat([rest, encodeFrame({ maskingKey: masks[index % masks.length]!, ...frame })])
    const sizes = cuts[index % cuts.length]!
    if (sizes === 'join') return
    chunks.push(...cut(rest, sizes))
    rest = NOTHING
  })
  return [...chunks, rest].filter(({ length }) => length > 0)
})

const options: fc.Arbitrary<Options> = fc.record({
  maxPayload: fc.constantFrom(0, 0, 100, 125, 10_000),
  skipUTF8Validation: fc.boolean(),
  // Otherwise the reader passes everything to ws, which then may or may not emit events after an error.
  allowSynchronousEvents: fc.constant(true),
  binaryType: fc.constantFrom('nodebuffer', 'nodebuffer', 'arraybuffer', 'fragments')
})

const steps = fc.array(fc.constantFrom<Step>('continue', 'continue', 'turn', 'pause', 'resume'), { minLength: 1, maxLength: 8 })

let [delivered, joined] = [0, 0]

await testProperty('ws emits the same events with and without a FrameReader, however the frames are split',
  { runs: RUNS }, fc.record({ chunks, options, steps }),
  async ({ chunks, options, steps }) => {
    const alone = new End(options)
    const read = new ReadEnd(options)
    await play(alone, chunks, steps)
    await play(read, chunks, steps)
    assert.deepEqual(read.events, alone.events)
    assert.deepEqual(Buffer.concat(read.sent), Buffer.concat(alone.sent))
    delivered += read.delivered
    joined += read.joined
  })

assert.ok(delivered > RUNS / 2 && joined > RUNS / 20, `the reader delivered many messages: ${delivered}, ${joined}`)
