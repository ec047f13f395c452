/**
 * Durations of a benchmark, in ms: `slice` is the measured time of a variant in one round. Scenarios that need a warm-up run
 * for `warmUp`, and then measure for `steady`. `timeout` limits the opening of a variant, and each measurement.
 *
 * Numbers: `rounds` is the default of a scenario. `discarded` rounds come before them, in which the JIT compiler compiles
 * the code of every variant. `scale` multiplies the sockets of scenarios with a thousand or more.
 */
export const FULL = { name: 'full', rounds: 5, discarded: 1, slice: 500, warmUp: 1000, steady: 1200, timeout: 120_000, scale: 1 }

/** Shorter, for a first impression. Do not publish numbers that were measured with it. */
export const QUICK = { name: 'quick', rounds: 3, discarded: 1, slice: 250, warmUp: 400, steady: 500, timeout: 120_000, scale: 1 }

/** As short as possible: shows that scenarios work, and no numbers. */
export const SMOKE = { name: 'smoke', rounds: 1, discarded: 0, slice: 40, warmUp: 200, steady: 300, timeout: 30_000, scale: 0.1 }
