/**
 * Runs a scenario. Absolute numbers depend on the machine and on its load, so the variants are measured in turns, one
 * round after the other, and each round has a ratio of its own.
 */
import { FULL } from './durations.js'
import { METRICS } from './metrics.js'
import { quantile } from './quantile.js'

/**
 * Measures all variants of a scenario. Returns their values in each round, and the ratios of the two it compares.
 *
 * @throws an error that names the scenario and the variant, if a measurement fails, takes too long, or has no result
 */
export async function runScenario (scenario, processes, durations) {
  const { name, title, tool, isSecure, compare } = scenario
  const context = { processes, isSecure, durations }
  const opened = {}
  try {
    for (const [key, variant] of Object.entries(scenario.variants)) {
      opened[key] = await withTimeout(`${name}, ${key}`, scenario.open(variant, context), durations)
    }
    const { values, tables } = await measureInTurns(scenario, opened, durations)
    const variants = mapValues(values, (metrics, key) => (
      { label: scenario.variants[key].label, metrics: mapValues(metrics, summarize) }
    ))
    const ratios = computeRatios(name, variants, compare)
    return { name, title, secure: isSecure, tool, sides: variants, of: compare, ratios, tables }
  } finally {
    for (const variant of Object.values(opened)) variant.close()
  }
}

/** Scales the rounds of a scenario that needs more or fewer than the default. */
function countRounds ({ rounds }, durations) {
  return Math.max(1, Math.round((rounds ?? FULL.rounds) / FULL.rounds * durations.rounds))
}

/** Discards the first rounds, unless a variant starts a server in each round, which they could not warm up. */
async function measureInTurns (scenario, opened, durations) {
  const values = mapValues(opened, () => ({}))
  const tables = {}
  const { warmsUp = true } = scenario
  const discarded = warmsUp ? durations.discarded : 0
  const rounds = discarded + countRounds(scenario, durations)
  for (let round = 0; round < rounds; round++) {
    for (const [key, variant] of Object.entries(opened)) {
      const description = `${scenario.name}, ${key}`
      const { table, ...metrics } = await withTimeout(description, variant.measure(), durations)
      if (table !== undefined) tables[key] = table
      if (round < discarded) continue
      checkMetrics(description, metrics, values[key])
      for (const [metric, value] of Object.entries(metrics)) values[key][metric] = [...values[key][metric] ?? [], value]
    }
  }
  return { values, tables }
}

/** Throws if a round of a variant lacks a metric, or has one that is not a result: a rate is zero without any answer. */
function checkMetrics (description, metrics, earlier) {
  const isFirst = Object.keys(earlier).length === 0
  const names = new Set([...Object.keys(earlier), ...Object.keys(metrics)])
  if (names.size === 0) throw new Error(`${description}: the round has no metrics`)
  for (const metric of names) {
    const value = metrics[metric]
    if (!isFirst && earlier[metric] === undefined) throw new Error(`${description}: ${metric} is missing in an earlier round`)
    if (METRICS[metric] === undefined) throw new Error(`${description}: ${metric} is not in bench/metrics.js`)
    const isResult = Number.isFinite(value) && (METRICS[metric].better === 'lower' || value > 0)
    if (!isResult) throw new Error(`${description}: ${metric} is ${value ?? 'missing'}`)
  }
}

/** Divides the metrics of the first variant by those of the second, round by round. */
function computeRatios (name, variants, [first, second]) {
  if (variants[first] === undefined || variants[second] === undefined) return {}
  return mapValues(variants[first].metrics, (measured, metric) => {
    const other = variants[second].metrics[metric]
    if (other === undefined) throw new Error(`${name}: ${second} lacks ${metric}, which ${first} has`)
    const ratio = computeRatio(measured, other)
    // A round may be shorter than the unit of the clock that counts CPU time.
    const invalid = ratio.values.find((value) => !Number.isFinite(value))
    if (invalid !== undefined) throw new Error(`${name}: the ratio of ${metric} is ${invalid}`)
    return ratio
  })
}

/** Divides a metric of a variant by that of another, round by round. */
export function computeRatio ({ values }, { values: others }) {
  return summarize(values.map((value, round) => value / others[round]))
}

async function withTimeout (description, promise, { timeout: limit }) {
  let timer
  const timeout = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${limit / 1000} s`)), limit)
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
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values), values }
}

function mapValues (object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]))
}
