import { readFileSync, readdirSync } from 'node:fs'
import t from 'tap'

const TAGS = ['example', 'param', 'returns', 'throws']

const root = new URL('../', import.meta.url)
const files = ['index.ts', ...['lib', 'types'].flatMap((folder) => {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`)
})]

/** Words of a file's doc comments that editors take for tags: outside of code, and at the beginning of a word. */
function tagsOf (text: string): string[] {
  const comments = [...text.matchAll(/\/\*\*[^]*?\*\//g)].map(([comment]) => comment.replace(/`[^`]*`/g, ''))
  return comments.flatMap((comment) => [...comment.matchAll(/(?<![\w.'"])@([\w/-]+)/g)].map(([, name]) => name!))
}

void t.test('a package is no tag: its name stands in backticks', async (t) => {
  t.same(tagsOf('/** As @fastify/websocket has it. */'), ['fastify/websocket'])
  t.same(tagsOf('/**\n * As `@fastify/websocket` has it.\n *\n * @throws always\n */ // @ts-expect-error'), ['throws'])
  for (const file of files) {
    t.same(tagsOf(readFileSync(new URL(file, root), 'utf8')).filter((name) => !TAGS.includes(name)), [], file)
  }
})
