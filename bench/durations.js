/**
 * How long a benchmark measures. `rounds` is the default number of rounds of a scenario; the other values are in ms:
 * `slice` is the measured time of a variant in one round; scenarios that need a warm-up measure for `steady` after it.
 */
export const FULL = { name: 'full', rounds: 5, slice: 500, warmUp: 1000, steady: 1200 }

/** Shorter, for a first impression. Do not publish numbers that were measured with it. */
export const QUICK = { name: 'quick', rounds: 3, slice: 250, warmUp: 400, steady: 500 }
