import { readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'
import { readPage } from './docs/pages.ts'

interface Import {
  /** A path for a file of the project, a name for any other module. */
  from: string
  onlyTypes: boolean
}

/** The layers of the project. A file imports from its own layer and from those after it. */
const LAYERS: string[][] = [
  ['index.ts'],
  ['lib/cli/'],
  ['lib/inject/'],
  ['lib/client/'],
  ['lib/gateway/'],
  [
    'lib/routes.ts', 'lib/late-routes.ts', 'lib/route-declarations.ts', 'lib/route-matcher.ts', 'lib/plain-requests.ts',
    'lib/drain.ts', 'lib/shutdown.ts'
  ],
  ['lib/monitoring/'],
  ['lib/relay/'],
  ['lib/topics/'],
  ['lib/handshake/'],
  ['lib/http2/'],
  ['lib/socket/'],
  ['lib/frames/'],
  ['lib/options/'],
  [
    'lib/internals/', 'lib/node-versions.ts', 'lib/backoff.ts', 'lib/errors.ts', 'lib/error-handling.ts', 'lib/channels.ts',
    'lib/symbols.ts'
  ],
  ['types/']
]

/** Modules that only these layers and files may import at run time. */
const RESTRICTED: Record<string, string[]> = {
  'node:http2': ['lib/cli/http2-session.ts', 'lib/client/transport.ts', 'lib/http2/', 'lib/internals/http2-response.ts'],
  'node:net': ['lib/cli/connection.ts', 'lib/client/transport.ts'],
  ws: ['lib/internals/ws.ts'],
  fastify: [],
  'fastify-plugin': ['index.ts'],
  'find-my-way': ['lib/route-matcher.ts']
}

const IMPORT = /^(?:import|export)\s+(type\b)?[^'"();=]*?\bfrom '([^']+)'|^import '([^']+)'/gm

const root = new URL('../', import.meta.url)
const files = ['index.ts', ...list('lib'), ...list('types')]
const texts = new Map(files.map((file) => [file, readFileSync(new URL(file, root), 'utf8')]))
const imports = new Map([...texts].map(([file, text]) => [file, readImports(file, text)]))

function list (folder: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts')).map((name) => posix.join(folder, name))
}

function readImports (file: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, type, from = '', sideEffect = from]) => ({
    from: sideEffect.startsWith('.') ? posix.join(posix.dirname(file), sideEffect) : sideEffect,
    onlyTypes: type !== undefined
  }))
}

function ownImportsOf (file: string): string[] {
  return imports.get(file)!.map(({ from }) => from).filter((from) => texts.has(from))
}

/** Returns the paths in the first column of the first table of a section, row by row. */
function pathsOf (page: string, section: string): string[][] {
  const { rows } = readPage(page).tables.find((table) => table.section === section)!
  return rows.map(([cell]) => [...cell!.matchAll(/`([^`]+)`/g)].map(([, path]) => path!))
}

/** Whether a path is that of a file, or begins with that of a folder. */
function isIn (file: string, paths: string[]): boolean {
  return paths.some((path) => path.endsWith('/') ? file.startsWith(path) : file === path)
}

function layerOf (file: string): number {
  return LAYERS.findIndex((paths) => isIn(file, paths))
}

void t.test('every import is static and leads to a file that exists', async (t) => {
  for (const [file, text] of texts) {
    t.notMatch(text, /\b(?:import|require)\s*\(/, file)
    t.same(imports.get(file)!.filter(({ from }) => /\.ts$/.test(from) && !texts.has(from)), [], file)
  }
  t.ok([...imports.values()].flat().length > files.length, 'the pattern finds imports')
})

void t.test('every file belongs to one layer, and every layer has files', async (t) => {
  for (const file of files) t.equal(LAYERS.filter((paths) => isIn(file, paths)).length, 1, file)
  for (const path of LAYERS.flat()) t.ok(files.some((file) => isIn(file, [path])), path)
})

void t.test('H2-DESIGN.md and CONTRIBUTING.md list the layers in this order', async (t) => {
  t.same(pathsOf('H2-DESIGN.md', 'Layers'), LAYERS)
  t.same(pathsOf('CONTRIBUTING.md', 'Code').flat(), LAYERS.flat())
})

void t.test('a file imports only from its own layer and the layers below it', async (t) => {
  for (const file of files) {
    t.same(ownImportsOf(file).filter((from) => layerOf(from) < layerOf(file)), [], file)
  }
})

void t.test('no import leads back to the file that it started from', async (t) => {
  for (const file of files) {
    const reached = new Set<string>()
    const next = ownImportsOf(file)
    for (const from of next) {
      if (reached.has(from)) continue
      reached.add(from)
      next.push(...ownImportsOf(from))
    }
    t.notOk(reached.has(file), file)
  }
})

void t.test('HTTP/1.1 and HTTP/2 handshakes do not import each other', async (t) => {
  t.notOk(ownImportsOf('lib/handshake/http1.ts').includes('lib/handshake/http2.ts'))
  t.notOk(ownImportsOf('lib/handshake/http2.ts').includes('lib/handshake/http1.ts'))
})

void t.test('few files import a server, a stream, ws or Fastify at run time', async (t) => {
  for (const [name, allowed] of Object.entries(RESTRICTED)) {
    const users = files.filter((file) => imports.get(file)!.some(({ from, onlyTypes }) => !onlyTypes && from === name))
    t.same(users.filter((file) => !isIn(file, allowed)), [], name)
    for (const path of allowed) t.ok(users.some((file) => isIn(file, [path])), `${path} imports ${name}`)
  }
})

void t.test('no file has more than 220 lines', async (t) => {
  for (const [file, text] of texts) t.ok(text.trimEnd().split('\n').length <= 220, file)
})

/** Files without a unit test, and the reason. */
const WITHOUT_UNIT_TEST: Record<string, string> = {
  'lib/errors.ts': 'only creates the classes of errors, which test/docs/tables.test.ts compares with docs/errors.md',
  'lib/symbols.ts': 'only constants',
  'lib/channels.ts': 'only constants, which test/docs/operations.test.ts compares with docs/operations.md',
  'lib/socket/plugin-socket.ts': 'only types',
  'lib/cli/result.ts': 'only types',
  'lib/frames/constants.ts': 'only constants',
  'lib/handshake/upgrade.ts': 'only types'
}

/** Returns the path of the unit test of a file: that of lib/http2/server.ts is test/unit/http2/server.test.ts. */
function unitTestOf (file: string): string {
  return file.replace(/^(?:lib\/)?/, 'test/unit/').replace(/\.ts$/, '.test.ts')
}

void t.test('every file has a unit test at the same path, and every unit test belongs to a file', async (t) => {
  const tested = files.filter((file) => !file.startsWith('types/') && !(file in WITHOUT_UNIT_TEST))
  const unitTests = list('test/unit').filter((file) => file.endsWith('.test.ts'))
  t.strictSame(unitTests.sort(), tested.map(unitTestOf).sort())
  for (const file of Object.keys(WITHOUT_UNIT_TEST)) t.ok(texts.has(file), file)
})

void t.test('every function of lib/internals has a unit test whose title begins with its name', async (t) => {
  for (const file of files.filter((file) => file.startsWith('lib/internals/'))) {
    const functions = [...texts.get(file)!.matchAll(/^export (?:async )?function (\w+)/gm)].map(([, name]) => name!)
    const unitTest = readFileSync(new URL(unitTestOf(file), root), 'utf8')
    t.ok(functions.length > 0, file)
    for (const name of functions) t.match(unitTest, new RegExp(`['\`]${name}: `), `${name} of ${file}`)
  }
})
