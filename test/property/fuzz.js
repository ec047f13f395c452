/**
 * The properties of this folder, with many more runs than `npm test` has time for.
 *
 *   npm run fuzz
 *   FUZZ_RUNS=100000 FUZZ_SEED=7 npm run fuzz      # runs of each property, and where they start from
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'

const RUNS = 6000
const COUNT = /^\d+ passed, \d+ failed$/
const MADE = /^ {2}ok .* \((\d+) runs, seed \d+\)/

// `npx tap test/property` runs every file of the folder as a test. This one would start tap again.
if (process.env.TAP !== undefined) process.exit()

const env = { FUZZ_RUNS: String(RUNS), FUZZ_SEED: String(Date.now() % 1e9), ...process.env }
const start = Date.now()
console.log(`seed ${env.FUZZ_SEED}, ${env.FUZZ_RUNS} runs of each property`)

const tap = fileURLToPath(new URL('../../node_modules/tap/dist/esm/run.mjs', import.meta.url))
const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
const child = spawn(process.execPath, [tap, '--timeout=3600', ...files.map((name) => `test/property/${name}`)], {
  env, stdio: ['inherit', 'pipe', 'inherit']
})
let runs = 0
let count = '0 passed, 1 failed'
for await (const line of createInterface(child.stdout)) {
  runs += Number(MADE.exec(line)?.[1] ?? 0)
  if (COUNT.test(line)) count = line
  else console.log(line)
}
if (child.exitCode === null) await once(child, 'exit')
console.log(`${runs} runs held in ${Math.round((Date.now() - start) / 1000)} s, seed ${env.FUZZ_SEED}\n${count}`)
process.exitCode = child.exitCode ?? 1
