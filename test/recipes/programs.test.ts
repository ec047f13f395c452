/** Each program of examples/recipes, and its page in docs/recipes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ROOT, list, pages, read } from '../docs/pages.ts'
import { killOnExit, waitForLine } from '../helpers/child-processes.js'

const MOST_LINES = 60
const INDEX = 'docs/recipes/README.md'

const programs = list('examples/recipes', '.js')
const recipes = pages.filter(({ path }) => path.startsWith('docs/recipes/') && path !== INDEX)

void t.test('every recipe has a program and a page, and the list of recipes has it', async (t) => {
  const names = programs.map((path) => basename(path, '.js'))
  t.same(recipes.map(({ path }) => basename(path, '.md')), names)
  const { links } = pages.find(({ path }) => path === INDEX)!
  t.same(links.filter((link) => /^[\w-]+\.md$/.test(link)).sort(), names.map((name) => `${name}.md`))
})

for (const path of programs) {
  const name = basename(path, '.js')

  void t.test(`${name}: the program has less than ${MOST_LINES} lines`, async (t) => {
    t.ok(read(path).trimEnd().split('\n').length < MOST_LINES)
  })

  void t.test(`${name}: its page shows the program as it is`, async (t) => {
    const { blocks } = recipes.find((page) => page.path === `docs/recipes/${name}.md`)!
    t.ok(blocks.some(({ code }) => code.trim() === read(path).trim()))
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
