import { AGENTS } from './agents.js'

/** A table of how many cases of each group gave what, with a column for each agent. */
export function formatTable (cases) {
  const groups = groupBy(cases, ({ group }) => group)
  return alignColumns([
    ['group', ...Object.values(AGENTS).map(({ title }) => title)],
    ...Array.from(groups, ([group, members]) => [group, ...countResults(members)]),
    ['all', ...countResults(cases)]
  ])
}

/** What failed, the proofs that hold, and in the last line the counts. */
export function formatChecks (caseChecks, proofs) {
  const all = [...proofs, ...caseChecks]
  const failed = all.filter(hasFailed)
  return [
    ...proofs.filter((proof) => !hasFailed(proof)).map(({ name }) => `ok ${name}`),
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

// Map.groupBy came with Node 21.
function groupBy (list, keyOf) {
  const groups = new Map()
  for (const item of list) groups.set(keyOf(item), [...groups.get(keyOf(item)) ?? [], item])
  return groups
}

function alignColumns (rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd())
}
