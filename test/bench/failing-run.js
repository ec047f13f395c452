/**
 * Runs a scenario whose servers are all replaced by one, as `bench/bench.js --out DIRECTORY --update` does:
 *
 *   node test/bench/failing-run.js SCENARIO SERVER DIRECTORY
 */
import { SMOKE } from '../../bench/durations.js'
import { runBenchmark } from '../../bench/run.js'
import { scenarios } from '../../bench/scenarios/index.js'
import { replaceServers } from './servers/index.js'

const [name, server, directory] = process.argv.slice(2)
const scenario = replaceServers(scenarios.find((candidate) => candidate.name === name), server)
await runBenchmark([scenario], {
  durations: { ...SMOKE, timeout: 2000 }, directoryFor: () => directory, update: scenarios.map((each) => each.name)
})
