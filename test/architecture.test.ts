import { readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'

interface Import {
  /** A file of ours by its path, anything else by its name. */
  from: string
  onlyTypes: boolean
}

const IMPORT = /^(?:import|export)\s+(type\b)?[^'"();=]*?\bfrom '([^']+)'|^import '([^']+)'/gm

// A list of declarations is looked things up in, not read.
const LIMITS: Record<string, number> = { 'index.ts': 120, 'lib/internals.ts': 320 }

const root = new URL('../', import.meta.url)
const files = readdirSync(new URL('lib', root)).map((name) => `lib/${name}`)
const types = readdirSync(new URL('types', root)).filter((name) => !name.endsWith('.tst.ts')).map((name) => `types/${name}`)
const texts = new Map(['index.ts', ...types, ...files].map((file) => {
  return [file, readFileSync(new URL(file, root), 'utf8')]
}))
const imports = new Map([...texts].map(([file, text]) => [file, readImports(file, text)]))

function readImports (file: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, type, from = '', sideEffect = from]) => ({
    from: sideEffect.startsWith('.') ? posix.join(posix.dirname(file), sideEffect) : sideEffect,
    onlyTypes: type !== undefined
  }))
}

function importsOf (file: string): string[] {
  return imports.get(file)!.map(({ from }) => from)
}

function ownImportsOf (file: string): string[] {
  return importsOf(file).filter((from) => texts.has(from))
}

/** The files that import one of the modules for more than its types. */
function usersOf (...modules: string[]): string[] {
  return [...imports].filter(([, list]) => list.some(({ from, onlyTypes }) => !onlyTypes && modules.includes(from)))
    .map(([file]) => file).sort()
}

void t.test('every import is one that this test can read', async (t) => {
  for (const [file, text] of texts) {
    t.notMatch(text, /\b(?:import|require)\s*\(/, file)
    t.same(importsOf(file).filter((from) => /\.ts$/.test(from) && !texts.has(from)), [], file)
  }
  t.same(ownImportsOf('lib/masking.ts'), [])
  t.same(ownImportsOf('lib/long-message.ts'), ['lib/masking.ts'])
})

void t.test('the files at the bottom import no more of ours than they may', async (t) => {
  const mayImport: Record<string, string[]> = {
    'types/index.ts': types,
    'types/socket.ts': [],
    'lib/symbols.ts': [],
    'lib/errors.ts': [],
    'lib/thrown.ts': [],
    'lib/next-turn.ts': [],
    'lib/internals.ts': ['lib/next-turn.ts'],
    'lib/memory.ts': [],
    'lib/check.ts': ['lib/errors.ts'],
    'lib/loopback.ts': ['lib/next-turn.ts'],
    'lib/options.ts': [
      'lib/check.ts', 'lib/shutdown-options.ts', 'lib/socket.ts', 'lib/window-sizes.ts', 'types/index.ts'
    ],
    'lib/handshake.ts': ['lib/header-fields.ts'],
    'lib/header-fields.ts': ['lib/errors.ts'],
    'lib/handshake-timer.ts': ['lib/symbols.ts', 'lib/upgrade.ts'],
    'lib/heartbeat.ts': ['lib/liveness.ts', 'lib/next-turn.ts', 'types/index.ts'],
    'lib/liveness.ts': ['lib/internals.ts', 'lib/sessions.ts', 'lib/stream-socket.ts'],
    'lib/upgrade.ts': ['lib/socket.ts', 'lib/symbols.ts'],
    'lib/stream-socket.ts': ['lib/internals.ts', 'lib/next-turn.ts', 'lib/outflow.ts', 'lib/send-budget.ts'],
    'lib/outflow.ts': ['lib/errors.ts', 'lib/internals.ts', 'lib/send-budget.ts'],
    'lib/send-budget.ts': ['lib/internals.ts'],
    'lib/receive-window.ts': ['lib/inflow.ts', 'lib/next-turn.ts', 'lib/window-sizes.ts'],
    'lib/window-sizes.ts': [],
    'lib/inflow.ts': [],
    'lib/message-reader.ts': ['lib/internals.ts', 'lib/long-message.ts', 'lib/masking.ts', 'lib/memory.ts'],
    'lib/long-message.ts': ['lib/masking.ts'],
    'lib/masking.ts': [],
    'lib/receiver.ts': ['lib/internals.ts', 'lib/memory.ts'],
    'lib/message-writer.ts': [],
    'lib/peer-error.ts': [],
    'lib/message-sequence.ts': ['lib/memory.ts'],
    'lib/message-hold.ts': ['lib/message-sequence.ts'],
    'lib/message-iterator.ts': ['lib/message-hold.ts', 'lib/message-sequence.ts'],
    'lib/slow-consumer.ts': ['lib/check.ts', 'lib/errors.ts', 'types/index.ts'],
    'lib/other-upgrade.ts': ['lib/handshake.ts', 'lib/internals.ts', 'lib/next-turn.ts', 'lib/symbols.ts'],
    'lib/response.ts': ['lib/internals.ts'],
    'lib/shutdown.ts': ['lib/next-turn.ts', 'lib/sessions.ts', 'lib/shutdown-options.ts', 'types/index.ts'],
    'lib/shutdown-options.ts': ['lib/check.ts', 'lib/errors.ts', 'types/index.ts']
  }
  for (const [file, allowed] of Object.entries(mayImport)) {
    t.same(ownImportsOf(file).filter((from) => !allowed.includes(from)), [], file)
  }
})

void t.test('no import leads back to where it came from', async (t) => {
  for (const file of texts.keys()) {
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

void t.test('routes know no transport, and a transport knows neither routes nor the other one', async (t) => {
  const transports = ['lib/transport-h1.ts', 'lib/transport-h2.ts']
  for (const file of ['lib/routes.ts', 'lib/websocket-server.ts', ...transports]) {
    t.same(ownImportsOf(file).filter((from) => transports.includes(from) || from === 'lib/routes.ts'), [], file)
  }
})

void t.test('what serves knows no client, but to inject sockets', async (t) => {
  t.same(usersOf('lib/client.ts', 'lib/dial.ts', 'lib/loopback.ts'), ['lib/client.ts', 'lib/inject.ts'])
  t.same(usersOf('lib/inject.ts'), ['index.ts'])
})

void t.test('options need nothing at run time but their errors', async (t) => {
  const needed = imports.get('lib/options.ts')!.filter(({ onlyTypes }) => !onlyTypes).map(({ from }) => from)
  t.same(needed, ['node:events', 'lib/check.ts', 'lib/shutdown-options.ts'])
})

void t.test('a handshake knows headers, and no socket, stream or framework', async (t) => {
  t.same(importsOf('lib/handshake.ts').filter((from) => !texts.has(from) && !['node:crypto', 'node:http'].includes(from)), [])
})

void t.test('few files touch a server, a stream or ws at run time', async (t) => {
  const mayTouch = ['transport-h1', 'transport-h2', 'internals', 'stream-socket', 'sessions', 'dial']
  const others = usersOf('node:http2', 'node:net').filter((file) => !mayTouch.includes(posix.basename(file, '.ts')))
  t.same(others, [])
  t.same(usersOf('ws'), ['lib/client.ts', 'lib/websocket-server.ts'])
})

void t.test('every file can be read at one sitting', async (t) => {
  for (const [file, text] of texts) {
    const limit = LIMITS[file] ?? 220
    t.ok(text.trimEnd().split('\n').length <= limit, `${file}: at most ${limit} lines`)
  }
})
