import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'

/** The seed of `npm test`: what it finds today it found yesterday. */
const SEED = 8441

/** How long, in ms, one run may take: one that waits for something that never comes. */
const LIMIT = 10_000

const { FUZZ_RUNS, FUZZ_SEED } = process.env
const seed = Number(FUZZ_SEED ?? SEED)

/** What no promise that a run waits for was told of. */
const troubles: unknown[] = []
process.setUncaughtExceptionCaptureCallback((error) => troubles.push(error))
process.on('unhandledRejection', (error) => troubles.push(error))

export interface PropertyOptions {
  /** Runs of `npm test`. `npm run fuzz` has its own number, which is that of every property. */
  runs: number
  skip?: string | false
}

/**
 * A test that says of many random values, made from a seed, what is to hold of each. fast-check tells the seed, and the
 * smallest value that it finds, where it does not.
 */
export async function holds<Value> (
  sentence: string, options: PropertyOptions, values: fc.Arbitrary<Value>, check: (value: Value) => unknown
): Promise<void> {
  const runs = Number(FUZZ_RUNS ?? options.runs)
  await t.test(`${sentence} (${runs} runs, seed ${seed})`, { skip: options.skip ?? false }, async () => {
    const property = fc.asyncProperty(values, async (value) => {
      await check(value)
      if (troubles.length > 0) throw new Error('uncaught', { cause: troubles.splice(0) })
    })
    await fc.assert(property, { numRuns: runs, seed, timeout: LIMIT })
  })
}

/** Waits until something is so, which a few turns of the event loop bring about. */
export async function until (isSo: () => boolean, what: string): Promise<void> {
  const start = performance.now()
  while (!isSo()) {
    if (performance.now() - start > LIMIT / 2) throw new Error(`never: ${what}`)
    await turn()
  }
}
