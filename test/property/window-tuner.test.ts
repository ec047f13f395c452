import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Http2Session, Http2Stream } from 'node:http2'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import type { Inflow } from '../../lib/http2/stream-receiver.ts'
import { ReceiveWindow } from '../../lib/http2/window-tuner.ts'
import { completeSizes } from '../../lib/options/receive-window.ts'
import type { ReceiveWindowSizes } from '../../lib/options/receive-window.ts'
import { holds } from './runs.ts'

const KILOBYTE = 1024

/** What a receive window asks of its session: it answers when the test lets it. */
class FakeSession extends EventEmitter {
  destroyed = false
  state = {}
  readonly #pings: Array<(error: Error | null) => void> = []
  readonly #settings: Array<(error: Error | null) => void> = []

  get pendingSettingsAck (): boolean {
    return this.#settings.length > 0
  }

  ping (done: (error: Error | null) => void): void {
    this.#pings.push(done)
  }

  settings (_settings: object, done: (error: Error | null) => void): void {
    assert.equal(this.#settings.length, 0, 'one SETTINGS at a time')
    this.#settings.push(done)
  }

  setLocalWindowSize (): void {}

  pong (): void {
    this.#pings.shift()?.(null)
  }

  acknowledge (): void {
    this.#settings.shift()?.(null)
  }
}

/** A stream as far as a receive window looks at it, and what it let in. */
class FakeStream {
  readableFlowing = true
  readableLength = 0
  /** Its client has used up what it has, whatever that is: it follows. */
  readonly state = { localWindowSize: 0 }
  isRefused = false
  readonly came: Buffer[] = []
  readonly kept: Buffer[] = []
  readonly inflow: Inflow

  constructor (window: ReceiveWindow) {
    this.inflow = window.add(this as unknown as Http2Stream, () => {
      assert.equal(this.isRefused, false, 'a stream is refused once')
      this.isRefused = true
    })
    this.inflow.isSocket = true
  }

  get isIntact (): boolean {
    return Buffer.concat(this.came).equals(Buffer.concat(this.kept))
  }

  bring (chunk: Buffer): boolean {
    const came = Buffer.from(chunk)
    const admitted = this.inflow.admit(chunk)
    if (admitted === undefined) return false
    this.came.push(came)
    this.kept.push(admitted)
    if (!this.readableFlowing) this.readableLength += admitted.length
    return true
  }
}

class World {
  readonly session = new FakeSession()
  readonly sizes: ReceiveWindowSizes
  readonly window: ReceiveWindow
  readonly streams: FakeStream[] = []

  constructor (sizes: ReceiveWindowSizes) {
    this.sizes = completeSizes(sizes)
    this.window = new ReceiveWindow(this.session as unknown as Http2Session, this.sizes)
  }

  get unread (): number {
    return this.streams.reduce((sum, { readableLength }) => sum + readableLength, 0)
  }

  bring (stream: FakeStream, chunk: Buffer): void {
    const isRead = stream.readableFlowing
    const mayCome = !stream.isRefused && (isRead || this.unread + chunk.length <= this.sizes.sessionBudget)
    assert.equal(stream.bring(chunk), mayCome)
    assert.equal(stream.isRefused, !mayCome)
  }

  close (stream: FakeStream): void {
    this.window.remove(stream.inflow)
    this.streams.splice(this.streams.indexOf(stream), 1)
  }
}

type Step = (world: World) => unknown

/** A step of one of the streams that are there. */
function ofStream (step: (world: World, stream: FakeStream) => void): fc.Arbitrary<Step> {
  return fc.nat(3).map((index) => (world: World) => {
    const stream = world.streams[index % world.streams.length]
    if (stream !== undefined) step(world, stream)
  })
}

function bring (length: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.tuple(length, fc.nat(255)).chain(([bytes, fill]) => {
    return ofStream((world, stream) => world.bring(stream, Buffer.alloc(bytes, fill)))
  })
}

const steps = fc.array(fc.oneof(
  fc.constant<Step>((world) => { world.streams.push(new FakeStream(world.window)) }),
  fc.constant<Step>(async ({ session }) => { await turn(); session.pong(); session.pong() }),
  fc.constant<Step>(({ session }) => session.acknowledge()),
  ofStream((world, stream) => world.close(stream)),
  ofStream((_world, stream) => { stream.readableFlowing = false }),
  ofStream((_world, stream) => Object.assign(stream, { readableFlowing: true, readableLength: 0 })),
  { weight: 3, arbitrary: bring(fc.integer({ min: 1, max: 300 })) },
  { weight: 3, arbitrary: bring(fc.integer({ min: 1, max: 16 * KILOBYTE })) }
), { maxLength: 80, size: 'max' })

const sizes = fc.record({
  initial: fc.integer({ min: KILOBYTE, max: 32 * KILOBYTE }),
  max: fc.integer({ min: KILOBYTE, max: 256 * KILOBYTE }),
  sessionBudget: fc.integer({ min: 32 * KILOBYTE, max: 256 * KILOBYTE })
})

await holds('a stream is let in, byte by byte, unless its session has no room for what is not read', { runs: 1000 },
  fc.record({ sizes, steps }),
  async ({ sizes, steps }) => {
    const world = new World(sizes)
    for (const step of steps) {
      await step(world)
      assert.ok(world.unread <= world.sizes.sessionBudget)
      assert.ok(world.window.size >= world.sizes.initial && world.window.size <= world.sizes.max)
      assert.ok(world.streams.every(({ isIntact }) => isIntact))
    }
    world.session.destroyed = true
    world.session.emit('close')
  })
