import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import fc from 'fast-check'
import { createLoopback } from '../../lib/inject/loopback.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { testProperty, waitUntil } from './property.ts'

/** Size of the largest write: more than one of the two buffers of 64 KiB at each end. */
const LARGEST = 100_000

/** One end of a connection, and the bytes that it sent and received. */
class End {
  readonly duplex: Duplex
  readonly sent: Buffer[] = []
  readonly received: Buffer[] = []
  hasEnded = false
  isCut = false
  receivedEnd = false
  closes = 0

  constructor (duplex: Duplex) {
    this.duplex = duplex
    duplex.on('data', (chunk: Buffer) => { this.received.push(chunk) })
    duplex.on('end', () => { this.receivedEnd = true })
    duplex.on('close', () => { this.closes++ })
  }

  write (chunk: Buffer): void {
    if (this.hasEnded || this.duplex.destroyed) return
    this.sent.push(chunk)
    this.duplex.write(chunk)
  }

  destroy (): void {
    this.isCut = true
    this.duplex.destroy()
  }

  end (): void {
    if (!this.duplex.destroyed) this.hasEnded = true
    this.duplex.end()
  }
}

type Step = (end: End) => unknown

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.oneof(fc.nat(200), fc.nat(LARGEST)), fc.nat(255)).map(([size, fill]) => (end: End) => {
      end.write(Buffer.alloc(size, fill))
    })
  },
  fc.constant<Step>(({ duplex }) => duplex.pause()),
  fc.constant<Step>(({ duplex }) => duplex.resume()),
  { weight: 2, arbitrary: fc.constant<Step>(() => waitTurns()) },
  fc.constant<Step>((end) => end.end()),
  fc.constant<Step>((end) => end.destroy())
)

await testProperty('a connection in memory delivers all bytes in order to an end that reads, and then the end of the stream', { runs: 1000 },
  fc.array(fc.tuple(step, fc.nat(1)), { maxLength: 40 }),
  async (steps) => {
    const ends = createLoopback().map((duplex) => new End(duplex)) as [End, End]
    for (const [step, which] of steps) await step(ends[which]!)
    const isCut = ends.some(({ isCut }) => isCut)
    for (const end of ends) {
      end.duplex.resume()
      end.end()
    }
    await waitUntil(() => ends.every(({ closes }) => closes > 0), 'both ends are closed')
    for (const [here, there] of [ends, ends.toReversed() as [End, End]]) {
      const received = Buffer.concat(there.received)
      const sent = Buffer.concat(here.sent)
      if (isCut) assert.ok(received.equals(sent.subarray(0, received.length)))
      else assert.ok(received.equals(sent) && there.receivedEnd)
      assert.equal(here.closes, 1)
      assert.equal(here.duplex.errored, null)
    }
  })
