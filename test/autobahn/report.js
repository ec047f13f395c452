import { AGENTS } from './agents.js'

/** Returns the lines of a table: the numbers of cases with each result, by group and agent. */
export function formatTable (cases) {
  const groups = groupBy(cases, ({ group }) => group)
  return alignColumns([
    ['group', ...Object.values(AGENTS).map(({ title }) => title)],
    ...Array.from(groups, ([group, members]) => [group, ...countResults(members)]),
    ['all', ...countResults(cases)]
  ])
}

/** Returns the sanity checks that passed, all checks that failed, and both counts in the last line. */
export function formatChecks (caseChecks, sanityChecks) {
  const all = [...sanityChecks, ...caseChecks]
  const failed = all.filter(hasFailed)
  return [
    ...sanityChecks.filter((check) => !hasFailed(check)).map(({ name }) => `ok ${name}`),
    ...failed.map(({ name, failure }) => `not ok ${name}: ${failure}`),
    '',
    `${all.length - failed.length} passed, ${failed.length} failed`
  ]
}

export function hasFailed ({ failure }) {
  return failure !== undefined
}

function countResults (cases) {
  return Object.keys(AGENTS).map((agent) => {
    const counts = groupBy(cases, (entry) => describe(entry[agent]))
    return Array.from(counts, ([result, { length }]) => `${length} ${result}`).join(', ')
  })
}

function describe ({ behavior, behaviorClose }) {
  return behaviorClose === 'OK' || behaviorClose === behavior ? behavior : `${behavior} (close: ${behaviorClose})`
}

// Node 20 has no Map.groupBy.
function groupBy (list, keyOf) {
  const groups = new Map()
  for (const item of list) groups.set(keyOf(item), [...groups.get(keyOf(item)) ?? [], item])
  return groups
}

function alignColumns (rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd())
}
