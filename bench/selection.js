/** Selects the scenarios of a run. */
import { gainScenarios } from './gains.js'
import { scenarios } from './scenarios/index.js'

/** Scenarios of smoke runs that are shorter than the first of their group. */
const SHORTER = ['page/rtt0-6']

/**
 * Returns the scenarios with these names, or whose names begin with them; without names, all that are available.
 *
 * @param options `isQuick`: omit the long ones, unless they are named
 */
export function selectScenarios (names, { isQuick }) {
  if (names.length === 0) return scenarios.filter(({ isLong, isAvailable = true }) => isAvailable && !(isLong && isQuick))
  return [...new Set(names.flatMap(findScenarios))]
}

/** Returns one scenario of each group, which is the first part of a name. */
export function selectSmoke () {
  const isShorter = ({ name }) => SHORTER.includes(name)
  const available = scenarios.filter(({ isAvailable = true }) => isAvailable)
  const sorted = [...available.filter(isShorter), ...available.filter(({ isLong }) => !isLong), ...available]
  const groups = new Map()
  for (const scenario of sorted) {
    const [group] = scenario.name.split('/')
    if (!groups.has(group)) groups.set(group, scenario)
  }
  return [...groups.values()]
}

function findScenarios (wanted) {
  if (wanted === 'gains') return scenarios.filter(({ name }) => gainScenarios.includes(name))
  const exact = scenarios.filter(({ name }) => name === wanted)
  const found = exact.length > 0 ? exact : scenarios.filter(({ name }) => name.startsWith(wanted))
  if (found.length > 0) return found
  throw new Error(`no scenario is named ${wanted}; choose from:\n  ${scenarios.map(({ name }) => name).join('\n  ')}`)
}
