import { AGENTS } from './agents.js'

const PASSES = ['OK', 'NON-STRICT', 'INFORMATIONAL']
const NOT_RUN = { behavior: 'NOT RUN', behaviorClose: 'NOT RUN', remoteCloseCode: null }
/** What a case about compression gives where the server agrees on none. */
const DECLINED = { behavior: 'UNIMPLEMENTED', behaviorClose: 'OK', remoteCloseCode: 1000 }
const COMPRESSION_GROUPS = ['12', '13']

/** The results of each case, by agent. */
export function collect (ids, runs) {
  return ids.map((id) => {
    const results = Object.keys(AGENTS).map((agent) => [agent, pick(runs[agent].results[id] ?? NOT_RUN)])
    return { id, group: id.slice(0, id.indexOf('.')), ...Object.fromEntries(results) }
  })
}

/** Checks that each case went over either transport of the plugin as it did with ws. `failure` tells what differs. */
export function checkCases (cases) {
  return cases.flatMap((entry) => ['http1', 'http2'].map((agent) => {
    const expected = isDeclined(entry, agent) ? DECLINED : entry.reference
    return { name: `${entry.id}, ${AGENTS[agent].title}`, failure: findDifference(entry[agent], expected) }
  }))
}

/** Checks that the comparison says what it seems to: each socket came over the transport that it is counted for. */
export function checkProofs (cases, runs) {
  return [checkReference(cases), ...Object.keys(AGENTS).map((agent) => checkSockets(agent, cases, runs[agent].seen))]
}

function checkReference (cases) {
  const failed = cases.filter(({ reference }) => !passes(reference)).map(({ id }) => id)
  return {
    name: `${AGENTS.reference.title} passes every case`,
    failure: failed.length === 0 ? undefined : `not ${failed.join(', ')}`
  }
}

function checkSockets (agent, cases, seen) {
  const { title, handshake, compresses } = AGENTS[agent]
  const offers = cases.filter(isAboutCompression).length
  const compressed = compresses ? offers : 0
  return {
    name: `${title}: ${cases.length} ${handshake}, ${offers} offers of compression, ${compressed} compressed`,
    failure: findDifference(seen, { upgrades: 0, streams: 0, others: 0, offers, compressed, [handshake]: cases.length })
  }
}

function findDifference (result, expected) {
  if (result.behavior === NOT_RUN.behavior) return 'was not run'
  const [got, wanted] = [result, expected].map(toWords)
  return got === wanted ? undefined : `${got} instead of ${wanted}`
}

function toWords (values) {
  return Object.entries(values).map(([key, value]) => `${key} ${value}`).join(', ')
}

function isAboutCompression ({ group }) {
  return COMPRESSION_GROUPS.includes(group)
}

function isDeclined (entry, agent) {
  return isAboutCompression(entry) && !AGENTS[agent].compresses
}

function passes ({ behavior, behaviorClose }) {
  return PASSES.includes(behavior) && PASSES.includes(behaviorClose)
}

function pick ({ behavior, behaviorClose, remoteCloseCode }) {
  return { behavior, behaviorClose, remoteCloseCode }
}
