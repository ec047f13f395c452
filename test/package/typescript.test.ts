import { join } from 'node:path'
import t from 'tap'
import { createProject, modules, run } from './project.ts'

/** The supported versions of TypeScript, and the packages that contain them. */
const COMPILERS = { 5.9: 'typescript-5.9', '6.0': 'typescript', '7.0': 'typescript-7.0' }

// Each version of TypeScript also checks the declarations of all dependencies.
t.setTimeout(600_000)
const { directory: project } = await createProject(t)

for (const [version, compiler] of Object.entries(COMPILERS)) {
  void t.test(`TypeScript ${version} compiles an ES module and a CommonJS module that use the package`, async (t) => {
    t.match(await compile(compiler, '--version'), `Version ${version}.`)
    t.equal(await compile(compiler, '-p', '.'), '')
  })

  for (const config of ['tsconfig.json', 'tsconfig.cjs.json', 'tsconfig.bundler.json']) {
    void t.test(`TypeScript ${version} checks the topics that a program declares, with its ${config}`, async (t) => {
      t.equal(await compile(compiler, '-p', join('declared-topics', config)), '')
    })
  }
}

/** Returns the output of a compiler, even if it fails. Its `bin` has no extension, which tap's loader needs. */
async function compile (compiler: string, ...parameters: string[]): Promise<string> {
  const program = join(modules, compiler, 'lib', 'tsc.js')
  const { stdout, stderr } = await run(process.execPath, [program, ...parameters], { cwd: project })
    .catch((error) => error)
  return stdout + stderr
}
