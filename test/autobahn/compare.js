import { AGENTS } from './agents.js'

const PASSES = ['OK', 'NON-STRICT', 'INFORMATIONAL']
const NOT_RUN = { behavior: 'NOT RUN', behaviorClose: 'NOT RUN', remoteCloseCode: null }
const COMPRESSION_GROUPS = ['12', '13']

/** Returns the results of each case by agent. */
export function collect (ids, runs) {
  return ids.map((id) => {
    const results = Object.keys(AGENTS).map((agent) => [agent, pick(runs[agent].results[id] ?? NOT_RUN)])
    return { id, group: id.slice(0, id.indexOf('.')), ...Object.fromEntries(results) }
  })
}

/** Checks that each case has the same result with the plugin, over both HTTP versions, as with ws. */
export function checkCases (cases) {
  return cases.flatMap((entry) => ['http1', 'http2'].map((agent) => (
    { name: `${entry.id}, ${AGENTS[agent].title}`, failure: findDifference(entry[agent], entry.reference) }
  )))
}

/** Checks that the comparison is valid: ws passes all cases, and each socket used the transport under test. */
export function checkSanity (cases, runs) {
  return [checkReference(cases), ...Object.keys(AGENTS).map((agent) => checkHandshakes(agent, cases, runs[agent].handshakes))]
}

function checkReference (cases) {
  const failed = cases.filter(({ reference }) => !passes(reference)).map(({ id }) => id)
  return {
    name: `${AGENTS.reference.title} passes every case`,
    failure: failed.length === 0 ? undefined : `not ${failed.join(', ')}`
  }
}

function checkHandshakes (agent, cases, counts) {
  const { title, handshake } = AGENTS[agent]
  const compressed = cases.filter(({ group }) => COMPRESSION_GROUPS.includes(group)).length
  const expected = { upgrades: 0, streams: 0, others: 0, offers: compressed, compressed, [handshake]: cases.length }
  return {
    name: `${title}: ${cases.length} ${handshake}, ${compressed} with compression`,
    failure: findDifference(counts, expected)
  }
}

function findDifference (result, expected) {
  if (result.behavior === NOT_RUN.behavior) return 'not run'
  const [actual, wanted] = [result, expected].map(format)
  return actual === wanted ? undefined : `${actual} instead of ${wanted}`
}

function format (values) {
  return Object.entries(values).map(([key, value]) => `${key} ${value}`).join(', ')
}

function passes ({ behavior, behaviorClose }) {
  return PASSES.includes(behavior) && PASSES.includes(behaviorClose)
}

function pick ({ behavior, behaviorClose, remoteCloseCode }) {
  return { behavior, behaviorClose, remoteCloseCode }
}
