/** How long is measured. A slice, and the warm-up and steady time of what needs more than a slice, are in ms. */
export const FULL = { name: 'full', rounds: 5, slice: 500, warmUp: 1000, steady: 1200 }

/** For a look, not for numbers to show. */
export const QUICK = { name: 'quick', rounds: 3, slice: 250, warmUp: 400, steady: 500 }
