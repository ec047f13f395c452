import t from 'tap'
import { declarations, readExports, renderApi } from './api/page.ts'
import { SECTIONS } from './api/sections.ts'
import { read } from './pages.ts'
import { OPTIONS, channels, errors } from './subjects.ts'

const text = renderApi()

void t.test('api.md is what `npm run docs:api` writes', async (t) => {
  t.ok(read('docs/api.md') === text, 'run `npm run docs:api` after a change of a doc comment or a type')
})

void t.test('api.md has every export of the package, once', async (t) => {
  const names = SECTIONS.flatMap(({ names }) => names)
  t.equal(new Set(names).size, names.length)
  t.same([...declarations.keys()].filter((name) => !names.includes(name)), [], 'declarations are in a section')
  for (const name of readExports()) t.match(text, new RegExp(`(?:^### |\`)${name}\\b`, 'm'), name)
})

void t.test('api.md has every option, channel and error', async (t) => {
  const { ws, route, connect, ...options } = OPTIONS
  for (const name of Object.values({ ...options, connect }).flat()) t.match(text, `| \`${name}?\` |`, name)
  for (const name of route) t.match(text, `\`${name}\``, name)
  for (const { name } of Object.values(channels)) t.match(text, `| \`${String(name)}\` |`, String(name))
  for (const code of Object.keys(errors)) t.match(text, `\n### ${code}\n`, code)
})

void t.test('every export, and every member of one, has a doc comment', async (t) => {
  for (const each of [...declarations.values()].flat()) {
    // Types of Fastify, to which the package adds members.
    if (!['FastifyInstance', 'FastifyRequest', 'RouteOptions', 'RouteShorthandMethod', 'RouteShorthandOptions'].includes(each.name)) {
      t.not(each.comment.text, '', each.name)
    }
    for (const member of each.members) t.not(member.comment.text, '', `${each.name}: ${member.name}`)
  }
})
