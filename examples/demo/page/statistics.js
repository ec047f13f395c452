/** Returns the value that the given share of sorted samples does not exceed. */
export function percentile (sorted, share) {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

/** Lower bounds of the bins of a histogram, in ms: each is a tenth larger than the one before. */
export const BINS = Array.from({ length: 110 }, (_, index) => 0.1 * 1.1 ** index)

/** Counts samples into bins, as shares of all samples. The last bin has all that are larger, too. */
export class Histogram {
  #counts = new Array(BINS.length).fill(0)
  #total = 0

  add (sample) {
    const index = Math.floor(Math.log(sample / BINS[0]) / Math.log(1.1))
    this.#counts[Math.min(Math.max(index, 0), BINS.length - 1)]++
    this.#total++
  }

  shares () {
    return this.#counts.map((count) => this.#total === 0 ? 0 : count / this.#total)
  }
}
