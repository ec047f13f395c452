import fc from 'fast-check'
import t from 'tap'
import { waitUntil as waitUntilLimit } from '../helpers/waiting.ts'

/** The seed of `npm test`, which is constant so that its results are reproducible. */
const SEED = 8441

/** Time in ms after which a run fails that waits for something in vain. */
const LIMIT = 10_000

const { FUZZ_RUNS, FUZZ_SEED } = process.env
const seed = Number(FUZZ_SEED ?? SEED)

/** Errors that nothing has caught. They fail the current run. */
const uncaughtErrors: unknown[] = []
process.setUncaughtExceptionCaptureCallback((error) => uncaughtErrors.push(error))
process.on('unhandledRejection', (error) => uncaughtErrors.push(error))

export interface PropertyOptions {
  /** Runs of `npm test`. `npm run fuzz` uses one number for all properties. */
  runs: number
  skip?: string | false
}

/**
 * Adds a test that checks a property for many random values, which are made from a seed. If the property does not hold,
 * fast-check reports the seed and the smallest value that it finds.
 */
export async function testProperty<Value> (
  title: string, options: PropertyOptions, values: fc.Arbitrary<Value>, check: (value: Value) => unknown
): Promise<void> {
  const runs = Number(FUZZ_RUNS ?? options.runs)
  await t.test(`${title} (${runs} runs, seed ${seed})`, { skip: options.skip ?? false }, async () => {
    const property = fc.asyncProperty(values, async (value) => {
      await check(value)
      if (uncaughtErrors.length > 0) throw new Error('uncaught', { cause: uncaughtErrors.splice(0) })
    })
    await fc.assert(property, { numRuns: runs, seed, timeout: LIMIT })
  })
}

/** Waits until a condition holds, and fails before the time limit of the run. */
export async function waitUntil (condition: () => boolean, description: string): Promise<void> {
  await waitUntilLimit(condition, description, LIMIT / 2)
}
