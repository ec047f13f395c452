/** Each program of examples/recipes, and its page in docs/recipes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ROOT, list, pages, read } from '../docs/pages.ts'
import type { Block } from '../docs/pages.ts'
import { killOnExit, waitForLine } from '../helpers/child-processes.js'

const MOST_LINES = 60
const INDEX = 'docs/recipes/README.md'

/** Programs, with the name of the recipe: a recipe with several of them is a directory. */
const programs = list('examples/recipes', '.js').map((path) => {
  return { path, name: path.replace('examples/recipes/', ''), recipe: path.match(/recipes\/([\w-]+)/)![1]! }
})
const recipes = pages.filter(({ path }) => path.startsWith('docs/recipes/') && path !== INDEX)

void t.test('every recipe has a program and a page, and the list of recipes has it', async (t) => {
  const names = [...new Set(programs.map(({ recipe }) => recipe))].sort()
  t.same(recipes.map(({ path }) => path), names.map((name) => `docs/recipes/${name}.md`))
  const { links } = pages.find(({ path }) => path === INDEX)!
  t.same(links.filter((link) => /^[\w-]+\.md$/.test(link)).sort(), names.map((name) => `${name}.md`))
})

for (const { path, name, recipe } of programs) {
  void t.test(`${name}: the program has less than ${MOST_LINES} lines`, async (t) => {
    t.ok(read(path).trimEnd().split('\n').length < MOST_LINES)
  })

  void t.test(`${name}: its page shows the program as it is`, async (t) => {
    const { blocks } = recipes.find((page) => page.path === `docs/recipes/${recipe}.md`)!
    t.ok(blocks.flatMap(textsOf).includes(read(path).trim()))
  })

  if (!/^export async function build\b/m.test(read(path))) continue

  void t.test(`${name}: the program starts as its page says, and ends on SIGTERM`, async (t) => {
    const child = killOnExit(spawn(process.execPath, [
      '--require', './test/helpers/type-stripping.cjs', '--import', './test/helpers/package-source.js', path
    ], { cwd: fileURLToPath(ROOT), env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] }))
    const exited = once(child, 'exit')
    await waitForLine(child, name, createInterface(child.stdout), /^Open https:/)
    child.kill('SIGTERM')
    t.same(await exited, [0, null])
  })
}

/** Returns the programs that a block shows. A diff shows two of them. */
function textsOf ({ language, code }: Block): string[] {
  if (language !== 'diff') return [code.trim()]
  const lines = code.trim().split('\n')
  return ['-', '+'].map((sign) => lines.filter((line) => [sign, ' ', undefined].includes(line[0])).map((line) => line.slice(1)).join('\n'))
}
