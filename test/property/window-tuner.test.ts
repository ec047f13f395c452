import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Http2Session, Http2Stream } from 'node:http2'
import fc from 'fast-check'
import { AnswerJoiner } from '../../lib/http2/answer-joiner.ts'
import { ReceiveBudget } from '../../lib/http2/receive-budget.ts'
import { StreamReceiver } from '../../lib/http2/stream-receiver.ts'
import type { ReceivingSession } from '../../lib/http2/stream-receiver.ts'
import { WindowTuner } from '../../lib/http2/window-tuner.ts'
import { completeSizes } from '../../lib/options/receive-window.ts'
import type { ReceiveWindowSizes } from '../../lib/options/receive-window.ts'
import { KIB } from '../helpers/sizes.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { testProperty } from './property.ts'

/** The members of an Http2Session that a tuner uses. It answers when the test lets it. */
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

/** The members of an Http2Stream that a receiver uses. Its prototype has the `push` of Node. */
class FakeStream {
  readableFlowing = true
  readableLength = 0
  /** The client has used up the window, whatever its size: it applies settings. */
  readonly state = { localWindowSize: 0 }
  isRefused = false
  readonly received: Buffer[] = []
  readonly kept: Buffer[] = []

  on (): this {
    return this
  }

  push (chunk: Buffer): boolean {
    this.kept.push(chunk)
    if (!this.readableFlowing) this.readableLength += chunk.length
    return true
  }

  get isIntact (): boolean {
    return Buffer.concat(this.received).equals(Buffer.concat(this.kept))
  }
}

class World implements ReceivingSession {
  readonly session = new FakeSession()
  readonly sizes: ReceiveWindowSizes
  readonly budget: ReceiveBudget
  readonly tuner: WindowTuner
  readonly answers = new AnswerJoiner()
  readonly streams: FakeStream[] = []
  readonly #receivers = new Map<FakeStream, StreamReceiver>()

  constructor (sizes: ReceiveWindowSizes) {
    this.sizes = completeSizes(sizes)
    this.budget = new ReceiveBudget(this.sizes.sessionBudget)
    this.tuner = new WindowTuner(this.session as unknown as Http2Session, this.sizes, this.budget)
  }

  get unread (): number {
    return this.streams.reduce((sum, { readableLength }) => sum + readableLength, 0)
  }

  open (): void {
    const stream = new FakeStream()
    const receiver = new StreamReceiver(stream as unknown as Http2Stream, this)
    receiver.isSocket = true
    this.budget.add(receiver)
    this.tuner.shrinkToLimit()
    this.streams.push(stream)
    this.#receivers.set(stream, receiver)
  }

  refuse ({ stream }: StreamReceiver): void {
    const refused = stream as unknown as FakeStream
    assert.equal(refused.isRefused, false, 'a stream is refused once')
    refused.isRefused = true
  }

  removeStream (receiver: StreamReceiver): void {
    this.budget.remove(receiver)
  }

  receive (stream: FakeStream, chunk: Buffer): void {
    const isRead = stream.readableFlowing
    const hasRoom = !stream.isRefused && (isRead || this.unread + chunk.length <= this.sizes.sessionBudget)
    if (hasRoom) stream.received.push(Buffer.from(chunk))
    assert.equal((stream as unknown as Http2Stream).push(chunk), hasRoom)
    assert.equal(stream.isRefused, !hasRoom)
  }

  close (stream: FakeStream): void {
    this.#receivers.get(stream)!.onClose()
    this.streams.splice(this.streams.indexOf(stream), 1)
  }
}

type Step = (world: World) => unknown

/** A step of one of the open streams. */
function ofStream (step: (world: World, stream: FakeStream) => void): fc.Arbitrary<Step> {
  return fc.nat(3).map((index) => (world: World) => {
    const stream = world.streams[index % world.streams.length]
    if (stream !== undefined) step(world, stream)
  })
}

function receive (length: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.tuple(length, fc.nat(255)).chain(([bytes, fill]) => {
    return ofStream((world, stream) => world.receive(stream, Buffer.alloc(bytes, fill)))
  })
}

const steps = fc.array(fc.oneof(
  fc.constant<Step>((world) => { world.open() }),
  fc.constant<Step>(async ({ session }) => { await waitTurns(); session.pong(); session.pong() }),
  fc.constant<Step>(({ session }) => session.acknowledge()),
  ofStream((world, stream) => world.close(stream)),
  ofStream((_world, stream) => { stream.readableFlowing = false }),
  ofStream((_world, stream) => Object.assign(stream, { readableFlowing: true, readableLength: 0 })),
  { weight: 3, arbitrary: receive(fc.integer({ min: 1, max: 300 })) },
  { weight: 3, arbitrary: receive(fc.integer({ min: 1, max: 16 * KIB })) }
), { maxLength: 80, size: 'max' })

const sizes = fc.record({
  initial: fc.integer({ min: KIB, max: 32 * KIB }),
  max: fc.integer({ min: KIB, max: 256 * KIB }),
  sessionBudget: fc.integer({ min: 32 * KIB, max: 256 * KIB })
})

await testProperty('a stream receives all bytes in order, unless the unread bytes of its session exceed the budget', { runs: 1000 },
  fc.record({ sizes, steps }),
  async ({ sizes, steps }) => {
    const world = new World(sizes)
    for (const step of steps) {
      await step(world)
      assert.ok(world.unread <= world.sizes.sessionBudget)
      assert.ok(world.tuner.size >= world.sizes.initial && world.tuner.size <= world.sizes.max)
      assert.ok(world.streams.every(({ isIntact }) => isIntact))
    }
    world.session.destroyed = true
    world.session.emit('close')
  })
