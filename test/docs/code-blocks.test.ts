import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { checkCommands } from './commands.ts'
import { compile } from './compile.ts'
import type { Source } from './compile.ts'
import { ROOT, list, pages, read } from './pages.ts'
import type { Block } from './pages.ts'
import { createRunner } from './run.ts'
import type { Runner } from './run.ts'

const CODE = ['js', 'ts']

/** The page that is written from the source. Its blocks in this language are declarations, which are compiled there. */
const GENERATED = 'docs/api.md'
const DECLARATION = 'typescript'

/** Languages of configuration files: such a block is a part of a file of examples/proxies. */
const CONFIGURATIONS = ['apache', 'caddyfile', 'haproxy', 'nginx', 'yaml']

/** Names that a fragment may use. */
const SCOPE = [
  'app', 'assert', 'ca', 'cert', 'connect', 'console', 'fastify', 'fastifyWebsocketH2', 'http2', 'key', 'once', 't',
  'websocket'
]

const IMPORT = /^import\s/m
const REQUIRE = /\brequire\(/

const directory = await mkdtemp(join(tmpdir(), 'fastify-websocket-h2-docs-'))
const installed = join(directory, 'node_modules', 'fastify-websocket-h2')
t.teardown(() => rm(directory, { recursive: true, force: true }))
t.setTimeout(300_000)

const recipes = list('examples/recipes', '.js')
const blocks = pages.flatMap(({ blocks }) => blocks)
const mistakes = compile(blocks.filter(isCompiled).flatMap(toSources), join(installed, 'dist'))
await install()
const runner = await createRunner(installed)

void t.test('every block is found, with its setup', async (t) => {
  for (const kind of ['program', 'fragment']) t.ok(blocks.some((block) => kindOf(block) === kind), kind)
  for (const { path, text, blocks } of pages) {
    t.equal(text.match(/^ *(?:```|~~~)/gm)?.length ?? 0, blocks.length * 2, `${path}: fences`)
    t.equal(text.match(/<!--\s*setup/g)?.length ?? 0, blocks.filter(({ setup }) => setup !== '').length, `${path}: setups`)
  }
})

for (const block of blocks) {
  const { page, line, language, code, setup } = block
  void t.test(`${page}, line ${line}: the ${language || 'nameless'} block works as it is`, { timeout: 30_000 }, async (t) => {
    if (isCompiled(block)) await checkCode(t, runner, block)
    else if (CODE.includes(language)) t.ok(fileOfRecipe(block), 'test/browser runs it')
    else if (language === 'sh') await checkCommands(t, code, directory)
    else if (language === 'json') t.doesNotThrow(() => JSON.parse(code))
    else if (language === 'diff') t.ok(page.startsWith('docs/recipes/'), 'test/recipes compares it with its programs')
    else if (CONFIGURATIONS.includes(language)) t.ok(isOfExample(code), 'it is a part of a file in examples/proxies')
    else if (language !== DECLARATION || page !== GENERATED) t.equal(language, 'text', 'this test knows the language')
    if (!CODE.includes(language)) t.equal(setup, '', 'only code has a setup')
  })
}

async function checkCode (t: Test, runner: Runner, block: Block): Promise<void> {
  const [main, setup] = toSources(block)
  for (const { name } of toSources(block)) t.same(mistakes.get(name), [], 'its types are right')
  if (fileOfRecipe(block) !== undefined || isDeclaration(block)) return
  if (kindOf(block) === 'fragment') await runner.runFragment(t, block, main!.name)
  else await runner.runProgram(t, block, main!.name, setup?.name)
}

/** Code of a page uses globals of browsers, whose types are not those of Node.js. */
function isCompiled ({ language, code }: Block): boolean {
  return CODE.includes(language) && !code.startsWith('/* global ')
}

/** A block with imports is a program, which a reader can run as it is. A block without is a fragment of one. */
function kindOf ({ language, code }: Block): 'program' | 'fragment' | undefined {
  if (!CODE.includes(language)) return undefined
  return IMPORT.test(code) || REQUIRE.test(code) ? 'program' : 'fragment'
}

/** A block that declares types, and that does nothing if it runs. */
function isDeclaration ({ language, code }: Block): boolean {
  return language === 'ts' && /^declare module /m.test(code)
}

/** Returns the file in examples/recipes that is this block. The tests of test/recipes run it. */
function fileOfRecipe ({ code }: Block): string | undefined {
  return recipes.find((path) => read(path).trim() === code.trim())
}

/** Returns the files to compile: the block, and the setup of a program. That of a fragment is in the same file. */
function toSources (block: Block): Source[] {
  const { page, line, language, code, setup } = block
  const recipe = fileOfRecipe(block)
  // In its directory, because it imports files of examples/shared.
  if (recipe !== undefined) return [{ name: `../../${recipe}`, text: code, offset: 0 }]
  const name = `${page.replace(/\W/g, '-')}-${line}`
  if (kindOf(block) === 'fragment') return [toFragment(`${name}.${language}`, setup, code)]
  const extension = IMPORT.test(code) ? language : `c${language}`
  const program = { name: `${name}.${extension}`, text: code, offset: 0 }
  return setup === '' ? [program] : [program, toFragment(`${name}-setup.js`, setup, '')]
}

/** Wraps a fragment in a function. The types of its setup are not checked: no reader sees it. */
function toFragment (name: string, setup: string, code: string): Source {
  const parameter = `{ ${SCOPE.join(', ')} }`
  const header = name.endsWith('.ts')
    ? `import type { Scope } from './scope.ts'\nexport default async (${parameter}: Scope) => {\n{\n${setup}\n{\n`
    : `/** @param {import('./scope.ts').Scope} scope */\nexport default async (${parameter}) => {\n{\n${setup}\n{\n`
  return { name, text: `${header}${code}\n}\n}\n}\n`, offset: header.length }
}

function isOfExample (code: string): boolean {
  return list('examples/proxies', '').some((path) => trimLines(read(path)).includes(trimLines(code)))
}

function trimLines (text: string): string {
  return text.trim().replace(/\s*\n\s*/g, '\n')
}

/** Makes a package of the compiled files, with its dependencies and the packages that blocks import. */
async function install (): Promise<void> {
  const root = fileURLToPath(ROOT)
  await writeFile(join(installed, 'package.json'), read('package.json'))
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    const link = join(directory, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link, 'junction')
  }
}
