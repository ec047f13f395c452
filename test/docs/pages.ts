/** Reads the documentation: its headings, links, tables and fenced blocks. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'

/** A fenced block, such as a piece of code. */
export interface Block {
  page: string
  /** Line number of its first line of code. */
  line: number
  /** The first word behind its fence, such as `ts`. */
  language: string
  code: string
  /** Code that prepares the block and is hidden from readers: `<!-- setup ... -->` before the fence. */
  setup: string
}

export interface Heading {
  title: string
  level: number
  /** The fragment that GitHub gives it. */
  slug: string
}

export interface Table {
  /** Title of the section that it stands in. */
  section: string
  header: string[]
  rows: string[][]
}

export interface Page {
  /** Path in the repository. */
  path: string
  text: string
  /** The text with every character of code replaced by a space. */
  prose: string
  headings: Heading[]
  tables: Table[]
  blocks: Block[]
  /** Targets of its links and images. */
  links: string[]
}

export const ROOT = new URL('../../', import.meta.url)

/** Reports to other projects. */
const UPSTREAM = 'docs/upstream/'

const FENCE = /^( *)(`{3,}|~{3,})[ ]*([^\s`]*)[^\n]*\n([^]*?)^ *\2[ ]*$/gm
const SETUP = /<!-- setup\n((?:(?!-->)[^])*)-->\s*$/
const INLINE_CODE = /(`+)(?!`)[^]*?[^`]\1(?!`)/g
const HTML_COMMENT = /<!--[^]*?-->/g

/** README.md, SECURITY.md and the pages of docs/, which a user reads. */
export const pages = ['README.md', 'SECURITY.md', ...list('docs', '.md').filter((path) => !path.startsWith(UPSTREAM))]
  .map(readPage)

/** The files of a directory, and of those in it except node_modules, that have an extension. */
export function list (directory: string, extension: string): string[] {
  const url = new URL(`${directory}/`, ROOT)
  if (!existsSync(url)) return []
  return readdirSync(url, { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : list(path, extension)
    return entry.name.endsWith(extension) ? [path] : []
  }).sort()
}

export function read (path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}

export function readPage (path: string): Page {
  const text = read(path)
  const withoutBlocks = text.replace(FENCE, blank).replace(HTML_COMMENT, blank)
  const prose = withoutBlocks.replace(INLINE_CODE, blank)
  const headings = readHeadings(withoutBlocks)
  return {
    path,
    text,
    prose,
    headings,
    tables: readTables(withoutBlocks),
    blocks: readBlocks(path, text),
    links: readLinks(prose)
  }
}

/** Returns the rows of a table by their first cell, whose markup is removed. */
export function byName (table: Table): Map<string, string[]> {
  return new Map(table.rows.map((row) => [toName(row[0]!), row]))
}

/** Removes the markup of a cell. */
export function toName (cell: string): string {
  return cell.replace(/^\[(.*)\]\(.*\)$/, '$1').replace(/^`(.*)`$/, '$1')
}

function readBlocks (page: string, text: string): Block[] {
  return [...text.matchAll(FENCE)].map(({ index, 1: indent = '', 3: language = '', 4: code = '' }) => {
    const before = text.slice(0, index)
    const unindented = code.split('\n').map((line) => line.startsWith(indent) ? line.slice(indent.length) : line)
    return {
      page,
      line: before.split('\n').length + 1,
      language,
      code: unindented.join('\n'),
      setup: before.match(SETUP)?.[1] ?? ''
    }
  })
}

function readHeadings (text: string): Heading[] {
  const counts = new Map<string, number>()
  return [...text.matchAll(/^(#{1,6}) +(.+?) *#*$/gm)].map(([, marks, title]) => {
    return { title: title!, level: marks!.length, slug: toSlug(title!, counts) }
  })
}

/** The fragment that GitHub gives a heading; the second of a name has `-1` at its end. */
function toSlug (title: string, counts: Map<string, number>): string {
  const words = title.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]*>/g, '').trim().toLowerCase()
  const slug = words.replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '').replace(/ /g, '-')
  let unique = slug
  while (counts.has(unique)) {
    counts.set(slug, counts.get(slug)! + 1)
    unique = `${slug}-${counts.get(slug)}`
  }
  counts.set(unique, 0)
  return unique
}

function readTables (text: string): Table[] {
  const tables: Table[] = []
  let section = ''
  let rows: string[][] = []
  for (const line of [...text.split('\n'), '']) {
    if (/^ *\|/.test(line)) {
      rows.push(toCells(line))
      continue
    }
    const [header, , ...body] = rows
    if (header !== undefined) tables.push({ section, header, rows: body })
    rows = []
    section = line.match(/^#{1,6} +(.+?) *#*$/)?.[1] ?? section
  }
  return tables
}

function toCells (line: string): string[] {
  return line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
}

function readLinks (prose: string): string[] {
  const inline = prose.matchAll(/\]\(\s*<?((?:[^()\s<>]|\([^()\s]*\))*)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/g)
  const definitions = prose.matchAll(/^ {0,3}\[[^\]]+\]: *<?([^\s>]+)>?/gm)
  const html = prose.matchAll(/<[^>]+\b(?:href|src|srcset)="([^"]*)"/g)
  const auto = prose.matchAll(/<(https?:[^\s>]+)>/g)
  return [inline, definitions, html, auto].flatMap((matches) => [...matches].map(([, target]) => target!))
}

function blank (text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
