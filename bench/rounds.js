import { FULL } from './pace.js'

/**
 * Absolute numbers say as much about the machine as about the code, so what counts is the ratio: the sides take turns,
 * round by round, and each round has a ratio of its own.
 */
const PATIENCE = 120_000

/** Runs a scenario. Returns what its sides took, round by round, and the ratio of the two that it is of. */
export async function run (scenario, lab, pace) {
  const { name, title, tool, isSecure, of } = scenario
  const context = { lab, isSecure, pace }
  const benches = {}
  try {
    for (const [side, what] of Object.entries(scenario.sides)) {
      benches[side] = await withPatience(`${name}, ${side}`, scenario.open(what, context))
    }
    const { taken, tables } = await takeTurns(name, benches, roundsOf(scenario, pace))
    const sides = mapValues(taken, (metrics, side) => (
      { label: scenario.sides[side].label, metrics: mapValues(metrics, summarize) }
    ))
    return { name, title, secure: isSecure, tool, sides, of, ratios: ratioOfRounds(sides, of), tables }
  } finally {
    for (const bench of Object.values(benches)) bench.close()
  }
}

/** Some scenarios need more rounds to say anything, or take too long for so many. */
function roundsOf ({ rounds }, pace) {
  return Math.ceil((rounds ?? FULL.rounds) / FULL.rounds * pace.rounds)
}

/** Round 0 has the code compiled, on every side, and does not count. */
async function takeTurns (name, benches, rounds) {
  const taken = mapValues(benches, () => ({}))
  const tables = {}
  for (let round = 0; round <= rounds; round++) {
    for (const [side, bench] of Object.entries(benches)) {
      const { table, ...metrics } = await withPatience(`${name}, ${side}`, bench.measure())
      if (table !== undefined) tables[side] = table
      if (round === 0) continue
      for (const [metric, value] of Object.entries(metrics)) {
        if (!Number.isFinite(value)) throw new Error(`${name}, ${side}: ${metric} is ${value}`)
        taken[side][metric] = [...taken[side][metric] ?? [], value]
      }
    }
  }
  return { taken, tables }
}

/** The first side in terms of the second. */
export function ratioOfRounds (sides, [first, second]) {
  if (sides[first] === undefined || sides[second] === undefined) return {}
  return mapValues(sides[first].metrics, ({ values }, metric) => (
    summarize(values.map((value, round) => value / sides[second].metrics[metric].values[round]))
  ))
}

async function withPatience (what, promise) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came of it in ${PATIENCE / 1000} s`)), PATIENCE)
  })
  try {
    return await Promise.race([promise, late])
  } catch (error) {
    throw new Error(`${what}: ${error.message}`, { cause: error })
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
