/**
 * Runs a scenario. Absolute numbers depend on the machine and on its load, so the variants are measured in turns, one
 * round after the other, and each round has a ratio of its own.
 */
import { FULL } from './durations.js'

/** Time limit for opening a variant, and for each measurement, in ms. */
const TIMEOUT = 120_000

/** Measures all variants of a scenario. Returns their values in each round, and the ratios of the two it compares. */
export async function runScenario (scenario, processes, durations) {
  const { name, title, tool, isSecure, compare } = scenario
  const context = { processes, isSecure, durations }
  const opened = {}
  try {
    for (const [key, variant] of Object.entries(scenario.variants)) {
      opened[key] = await withTimeout(`${name}, ${key}`, scenario.open(variant, context))
    }
    const { values, tables } = await measureInTurns(name, opened, countRounds(scenario, durations))
    const variants = mapValues(values, (metrics, key) => (
      { label: scenario.variants[key].label, metrics: mapValues(metrics, summarize) }
    ))
    const ratios = computeRatios(variants, compare)
    return { name, title, secure: isSecure, tool, sides: variants, of: compare, ratios, tables }
  } finally {
    for (const variant of Object.values(opened)) variant.close()
  }
}

/** Scales the rounds of a scenario that needs more or fewer than the default. */
function countRounds ({ rounds }, durations) {
  return Math.ceil((rounds ?? FULL.rounds) / FULL.rounds * durations.rounds)
}

/** Discards round 0, which warms up the JIT compiler for every variant. */
async function measureInTurns (name, opened, rounds) {
  const values = mapValues(opened, () => ({}))
  const tables = {}
  for (let round = 0; round <= rounds; round++) {
    for (const [key, variant] of Object.entries(opened)) {
      const { table, ...metrics } = await withTimeout(`${name}, ${key}`, variant.measure())
      if (table !== undefined) tables[key] = table
      if (round === 0) continue
      for (const [metric, value] of Object.entries(metrics)) {
        if (!Number.isFinite(value)) throw new Error(`${name}, ${key}: ${metric} is ${value}`)
        values[key][metric] = [...values[key][metric] ?? [], value]
      }
    }
  }
  return { values, tables }
}

/** Divides the metrics of the first variant by those of the second, round by round. */
export function computeRatios (variants, [first, second]) {
  if (variants[first] === undefined || variants[second] === undefined) return {}
  return mapValues(variants[first].metrics, ({ values }, metric) => (
    summarize(values.map((value, round) => value / variants[second].metrics[metric].values[round]))
  ))
}

async function withTimeout (description, promise) {
  let timer
  const timeout = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${TIMEOUT / 1000} s`)), TIMEOUT)
  })
  try {
    return await Promise.race([promise, timeout])
  } catch (error) {
    throw new Error(`${description}: ${error.message}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

function summarize (values) {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1], min: sorted[0], max: sorted.at(-1), values }
}

function mapValues (object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]))
}
