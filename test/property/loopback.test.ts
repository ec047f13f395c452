import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { createLoopback } from '../../lib/inject/loopback.ts'
import { holds, until } from './runs.ts'

/** Bytes that may wait at one end: its two buffers of 64 KiB and what was being written. */
const LARGEST = 100_000

/** One end of a connection: what it said, and what it heard. */
class End {
  readonly duplex: Duplex
  readonly said: Buffer[] = []
  readonly heard: Buffer[] = []
  hasEnded = false
  isCut = false
  heardEnd = false
  closes = 0

  constructor (duplex: Duplex) {
    this.duplex = duplex
    duplex.on('data', (chunk: Buffer) => { this.heard.push(chunk) })
    duplex.on('end', () => { this.heardEnd = true })
    duplex.on('close', () => { this.closes++ })
  }

  write (chunk: Buffer): void {
    if (this.hasEnded || this.duplex.destroyed) return
    this.said.push(chunk)
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
  { weight: 2, arbitrary: fc.constant<Step>(() => turn()) },
  fc.constant<Step>((end) => end.end()),
  fc.constant<Step>((end) => end.destroy())
)

await holds('a connection in memory brings all that was said, in order, to an end that reads, and then the end', { runs: 1000 },
  fc.array(fc.tuple(step, fc.nat(1)), { maxLength: 40 }),
  async (steps) => {
    const ends = createLoopback().map((duplex) => new End(duplex)) as [End, End]
    for (const [step, which] of steps) await step(ends[which]!)
    const isCut = ends.some(({ isCut }) => isCut)
    for (const end of ends) {
      end.duplex.resume()
      end.end()
    }
    await until(() => ends.every(({ closes }) => closes > 0), 'both ends are closed')
    for (const [here, there] of [ends, ends.toReversed() as [End, End]]) {
      const heard = Buffer.concat(there.heard)
      const said = Buffer.concat(here.said)
      if (isCut) assert.ok(heard.equals(said.subarray(0, heard.length)))
      else assert.ok(heard.equals(said) && there.heardEnd)
      assert.equal(here.closes, 1)
      assert.equal(here.duplex.errored, null)
    }
  })
