/** Renders docs/api.md from the doc comments of the source. */
import { list, pages, read } from '../pages.ts'
import { channels, errors, handshakeChannel } from '../subjects.ts'
import { readComment, readDeclarations } from './declarations.ts'
import type { Comment, Declaration } from './declarations.ts'
import { GUIDES, OBJECTS, OPTION_TABLES, SECTIONS, SETUPS, SIGNATURES } from './sections.ts'

const HEADER = `# API

Every export, option, event, error and diagnostics channel. This page is written from the comments of the source, by
\`npm run docs:api\`: change those instead. Times are in ms, sizes in bytes. RFC 8441 is WebSocket over HTTP/2, RFC 9113
HTTP/2, RFC 6455 WebSocket.
`

const PLUGIN: Declaration = {
  name: 'fastifyWebsocketH2',
  code: "import websocket from 'fastify-websocket-h2'\n\nawait app.register(websocket, options?: WebsocketPluginOptions)",
  comment: readComment('index.ts', 'const fastifyWebsocketH2 ='),
  members: [],
  type: '',
  isOptional: false
}

/** Public declarations, by name. Overloads of a function are several. */
export const declarations = new Map<string, Declaration[]>([['fastifyWebsocketH2', [PLUGIN]]])
for (const path of [...list('types', '.ts'), 'lib/client/index.ts', 'lib/gateway/index.ts']) {
  for (const each of readDeclarations(path)) declarations.set(each.name, [...declarations.get(each.name) ?? [], each])
}

/** Returns the text of docs/api.md. */
export function renderApi (): string {
  const sections = SECTIONS.map(({ title, intro, names }) => {
    const table = title === 'Diagnostics channels' ? [renderChannels()] : []
    return join(`## ${title}`, link(intro), ...table, ...names.map(renderName))
  })
  return `${join(HEADER.trim(), renderContents(), ...sections, renderEvents(), renderErrors())}\n`
}

/** Renders a list of the sections, with the names in each. */
function renderContents (): string {
  const sections = [...SECTIONS, { title: 'Events', names: [] }, { title: 'Errors', names: [] }]
  return sections.map(({ title, names }) => {
    const section = `- [${title}](#${title.toLowerCase().replaceAll(' ', '-')})`
    return names.length === 0 ? section : `${section}: ${names.map(toType).join(', ')}`
  }).join('\n')
}

function renderName (name: string): string {
  const overloads = declarations.get(name)
  if (overloads === undefined) throw new Error(`test/docs/api/sections.ts names ${name}, which does not exist`)
  const guide = name in GUIDES ? `Guide: ${GUIDES[name]}.` : ''
  return join(`### ${name}`, guide, ...overloads.map(renderDeclaration))
}

function renderDeclaration (declaration: Declaration): string {
  const { name, code, comment, members } = declaration
  const object = OBJECTS[name]
  const signature = SIGNATURES[name] ?? (isPlain(code) ? undefined : code)
  const parts = [signature === undefined ? '' : fence('typescript', signature), ...renderComment(name, comment)]
  if (object !== undefined) parts.push(...members.map((member) => renderMember(name, object, member)))
  else if (name in SIGNATURES) parts.push(...members.slice(0, 1).map(({ comment }) => link(comment.text)))
  else if (members.length > 0) parts.push(...renderMembers(name, members))
  return join(...parts)
}

/** Returns whether the code of an interface shows nothing that a reader can use: no parents, or internal ones. */
function isPlain (code: string): boolean {
  const [, parents = ''] = code.match(/^interface [^]*? extends ([\w, ]+)$/) ?? []
  return code.startsWith('interface ') && (parents === '' || parents.split(', ').some((name) => !declarations.has(name)))
}

/** Renders a member with a heading of its own. */
function renderMember (owner: string, object: string, { name, code, comment }: Declaration): string {
  const title = name.startsWith('[Symbol.asyncIterator]') ? `for await (… of ${object.slice(0, -1)})` : object + name
  return join(`#### ${title}`, fence('typescript', SIGNATURES[title] ?? code), ...renderComment(`${owner}.${name}`, comment))
}

/** Renders a table of members. Options that another page explains have their types and defaults only. */
function renderMembers (owner: string, members: Declaration[]): string[] {
  const table = OPTION_TABLES[owner]
  const rows = members.map((member) => {
    const { name, code, isOptional, type, comment } = member
    const cells = [`\`${name}${isOptional ? '?' : ''}\``, type === '' ? toCode(code) : toType(type)]
    const [, fallback = ''] = comment.text.match(/\bDefault:\s+([^]*?)\.(?=$|\s(?:See )?RFC|\sSee|\n\n|\s[A-Z0-9])/) ?? []
    if (table === undefined) return [...cells, unwrap(comment.text)]
    const value = fallback === '' && declarations.has(type) ? 'those of the type' : unwrap(fallback)
    return [cells[0]!, `${cells[1]}${unitOf(member)}`, value]
  })
  if (table === undefined) return [renderTable(['Member', 'Type', 'Description'], rows)]
  return [`Effects: ${table}.`, renderTable(['Option', 'Type', 'Default'], rows)]
}

function unitOf ({ type, comment }: Declaration): string {
  if (type !== 'number') return ''
  if (/\bin ms\b/.test(comment.text)) return ', ms'
  return /\bin bytes\b|\bbytes, /.test(comment.text) ? ', bytes' : ''
}

function renderComment (name: string, { text, params, returns, throws, examples }: Comment): string[] {
  const facts = [
    ...params.map(([name, text]) => `- \`${name}\`: ${text}`),
    ...returns === undefined ? [] : [`- Returns ${returns}`],
    ...throws.map((text) => `- Throws ${text}`)
  ]
  return [link(text), link(facts.join('\n')), ...examples.map((code) => renderExample(name, code))]
}

/** Renders an example as a block that the tests run, with its setup. */
function renderExample (name: string, code: string): string {
  const setup = SETUPS[name]
  if (setup === null) return fence('typescript', code)
  const block = fence(/^interface |\w<\{?/m.test(code) ? 'ts' : 'js', code)
  return setup === undefined ? block : `<!-- setup\n${setup}\n-->\n${block}`
}

function renderChannels (): string {
  const types = [...declarations.values()].flat().filter(({ name }) => name.endsWith('Message'))
  const { start } = handshakeChannel
  const names = [String(start.name).replace(/:start$/, ':*'), ...Object.values(channels).map(({ name }) => String(name))]
  return renderTable(['Channel', 'Message'], names.map((name) => {
    const type = types.find(({ comment }) => comment.text.includes(`\`${name}\``))
    if (type === undefined) throw new Error(`no comment of a type names the channel ${name}`)
    return [`\`${name}\``, toType(type.name)]
  }))
}

function renderEvents (): string {
  const tables = ['Socket events', 'Server events'].map((section) => {
    const slug = section.toLowerCase().replace(' ', '-')
    const page = pages.find(({ path }) => path === 'docs/options-and-events.md')!
    const { rows } = page.tables.find((table) => table.section === section)!
    const emitter = section === 'Socket events' ? '[`WebSocket`](#websocket)' : '[`WebsocketServer`](#websocketserver)'
    const names = rows.map(([name, parameters]) => `${name}${parameters === '' ? '' : ` (${parameters})`}`).join(', ')
    return `- ${emitter} emits ${names}: see [${section}](options-and-events.md#${slug})`
  })
  const rest = '- [`ReconnectingWebSocket`](#reconnectingwebsocket) emits those of [its type](#reconnectingwebsocketevents)'
  return join('## Events', 'Events and their arguments.', [...tables, rest].join('\n'))
}

function renderErrors (): string {
  const rendered = Object.keys(errors).map((code) => {
    const { text } = readComment('lib/errors.ts', `export const ${code} =`)
    return join(`### ${code}`, link(text, code))
  })
  const intro = 'Errors have these values as `code`. [Errors](errors.md#codes) says when each one occurs and what a client receives, and [what to do](errors.md#a-socket-is-refused) about a refused socket.'
  return join('## Errors', intro, ...rendered)
}

function renderTable (header: string[], rows: string[][]): string {
  const lines = [header, header.map(() => '---'), ...rows.map((row) => row.map((cell) => link(cell).replaceAll('|', '\\|')))]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Renders a type. The name of a public one is a link. */
function toType (type: string): string {
  return declarations.has(type) ? `[\`${type}\`](#${type.toLowerCase()})` : toCode(type)
}

function toCode (code: string): string {
  const text = code.replace(/\s+/g, ' ')
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}

/** Adds links to the errors, outside of links. */
function link (text: string, except?: string): string {
  return text.replace(/(?<![`[\w])(FST_WS_[A-Z0-9_]+)(?!\w)/g, (code) => {
    return code === except ? code : `[${code}](#${code.toLowerCase()})`
  })
}

function fence (language: string, code: string): string {
  return `\`\`\`${language}\n${code}\n\`\`\``
}

function unwrap (text: string): string {
  return text.replace(/\n\n- /g, ' - ').replace(/\s*\n\s*/g, ' ')
}

function join (...parts: string[]): string {
  return parts.filter((part) => part !== '').join('\n\n')
}

/** Names that the entry points of the package export. */
export function readExports (): string[] {
  const values = ['index.ts', 'lib/client/index.ts', 'lib/gateway/index.ts'].flatMap((path) => {
    const text = read(path)
    const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, names]) => names!.split(','))
    const names = lists.map((name) => name.replace(/\/\/.*/g, '').trim().replace(/^.* as /, '').replaceAll("'", ''))
    const declared = [...text.matchAll(/^export (?:const|class|function) (\w+)/gm)].map(([, name]) => name!)
    return [...names, ...declared]
  })
  return [...new Set([...values.filter((name) => name !== ''), ...declarations.keys()])]
}
