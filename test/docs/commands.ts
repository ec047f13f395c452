import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { ROOT, read } from './pages.ts'
import { readProbeArguments } from './subjects.ts'

interface Package {
  name: string
  scripts: Record<string, string>
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

type Check = (t: Test, command: string, directory: string) => unknown

const run = promisify(execFile)
const { name, scripts, dependencies, peerDependencies } = JSON.parse(read('package.json')) as Package

/** Commands that the documentation may have, and their checks. */
const COMMANDS: Array<[RegExp, Check]> = [
  [/^npm ci$/, () => {}],
  [/^npm (?:install|i) /, checkPackages],
  [/^(?:\w+=\S+ )*npm (?:run )?[\w:-]+(?: -- .*)?$/, checkScript],
  [/^node [\w./-]+$/, checkFile],
  [/^npx fastify-websocket-h2 probe /, checkProbe],
  [/^openssl req /, runOpenssl]
]

/** Checks the commands of a block, and runs those that are cheap, in a directory. */
export async function checkCommands (t: Test, code: string, directory: string): Promise<void> {
  const commands = code.replace(/\\\n\s*/g, '').replace(/(?:^|\s+)#.*$/gm, '').split(/\n|&&|;/)
  for (const command of commands.map((line) => line.trim()).filter(Boolean)) {
    const [, check] = COMMANDS.find(([pattern]) => pattern.test(command)) ?? []
    if (check === undefined) t.fail(`test/docs/commands.ts has no check of: ${command}`)
    else await check(t, command, directory)
  }
}

function checkPackages (t: Test, command: string): void {
  const known = [name, ...Object.keys({ ...dependencies, ...peerDependencies })]
  const named = command.split(/\s+/).slice(2).filter((word) => !word.startsWith('-'))
  t.same(named.filter((word) => !known.includes(word)), [], `${command}: packages that package.json names`)
}

function checkScript (t: Test, command: string): void {
  const [, script = ''] = command.match(/npm (?:run )?([\w:-]+)/)!
  t.ok(script in scripts, `${command}: a script of package.json`)
}

function checkFile (t: Test, command: string): void {
  t.ok(existsSync(new URL(command.split(' ')[1]!, ROOT)), `${command}: a file of the repository`)
}

/** Checks the arguments. The command is run by test/unit/cli/main.test.ts. */
function checkProbe (t: Test, command: string): void {
  t.doesNotThrow(() => readProbeArguments(command.split(' ').slice(2)), command)
}

async function runOpenssl (t: Test, command: string, directory: string): Promise<void> {
  await run('sh', ['-c', command], { cwd: directory })
  for (const [, file = ''] of command.matchAll(/-(?:out|keyout) (\S+)/g)) t.ok(existsSync(join(directory, file)), file)
}
