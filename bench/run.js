/** Runs scenarios, and writes their results if all of them succeeded. */
import { withProcesses } from './processes.js'
import { formatScenario, majorOf } from './report.js'
import { createReport, mergeReports, readReport, writeReport } from './results.js'
import { runScenario } from './rounds.js'

/**
 * Runs scenarios. Prints the result of each. If one fails, prints its error, writes nothing, and sets the exit code 1.
 *
 * @param options `durations`; `node`: the binary that runs the servers; `profiles`: a directory for their CPU profiles;
 * `tables`: print autocannon's own tables too; `directoryFor`: a function that returns the directory for the results,
 * or undefined, by the major version of the servers' Node; `update`: names of scenarios, in order: keep the results of
 * the others in that directory
 */
export async function runBenchmark (scenarios, { durations, node, profiles, tables, directoryFor, update }) {
  await withProcesses({ node, profiles }, async (processes) => {
    const report = createReport({ node, profiles: profiles !== undefined, durations })
    const [{ versions, machine }] = report.runs
    console.log(`server ${versions.server}, ${machine.cpu}; median (min..max) of rounds\n`)

    for (const scenario of scenarios) {
      if (scenario.isAvailable === false) {
        console.log(`${scenario.name}: skipped, because a program that it needs is not installed\n`)
        continue
      }
      const { tables: printed, ...result } = await runScenario(scenario, processes, durations)
      report.results.push({ run: 0, ...result })
      console.log(`${formatScenario(result)}\n`)
      if (tables) for (const [variant, table] of Object.entries(printed)) console.log(`${variant}:\n${table}`)
    }
    if (report.results.length === 0) throw new Error('no scenario could run')
    Object.assign(versions, processes.referenceVersions)

    const directory = directoryFor(majorOf(versions.server))
    if (directory === undefined) return
    const earlier = update && readReport(directory)
    const written = await writeReport(earlier ? mergeReports(earlier, report, update) : report, directory)
    console.log(`written: ${written.join(', ')}`)
  })
}
