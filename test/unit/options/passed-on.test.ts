import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { CONNECT_OPTIONS } from '../../../lib/options/client.ts'
import { FOREIGN_NAMES, FOREIGN_OPTIONS, absent, connectionOptionsOf } from '../../../lib/options/passed-on.ts'

const KNOWN = [...Object.keys(FOREIGN_OPTIONS), ...Object.keys(CONNECT_OPTIONS), 'protocols']

void t.test('every option of ws\'s client is known', async (t) => {
  const source = readFileSync(createRequire(import.meta.url).resolve('ws').replace('index.js', 'lib/websocket.js'), 'utf8')
  const [client] = source.match(/^ \* Initialize a WebSocket client\.[^]*?^}/m)!
  const documented = [...client.matchAll(/@param .*\[options\.(\w+)/g)].map(([, name]) => name!)
  const used = [...client.matchAll(/\bopts\.(\w+)/g)].map(([, name]) => name!)
  t.ok(documented.includes('maxPayload') && used.includes('finishRequest'))
  t.same([...documented, ...used].filter((name) => !KNOWN.includes(name)), [])
})

void t.test('every option of http.request(), net.connect() and tls.connect() is known, of Node.js 20 to 26', async (t) => {
  for (const types of ['@types/node', 'types-node-26']) {
    const names = readNodeOptions(types)
    t.ok(names.includes('checkServerIdentity') && names.includes('setHost') && names.includes('localPort'), types)
    t.same(names.filter((name) => !KNOWN.includes(name)), [], types)
  }
})

void t.test('names that may be suggested are those of options that have an effect', async (t) => {
  for (const name of ['ca', 'maxPayload', 'highWaterMark']) t.ok(FOREIGN_NAMES.includes(name), name)
  for (const name of ['host', 'timeout', '_defaultAgent']) t.notOk(FOREIGN_NAMES.includes(name), name)
})

void t.test('connectionOptionsOf: not those of one handshake or socket', async (t) => {
  const options = { ca: 'a', createConnection: () => {}, lookup: () => {}, family: 4, only: '2' }
  const others = { headers: {}, origin: 'a', maxPayload: 1, handshakeTimeout: 1, signal: 1, auth: 'a:b' }
  t.same(connectionOptionsOf({ ...options, ...others }), options)
})

void t.test('absent refuses any value, with a reason', async (t) => {
  const { expected, isValid } = absent('it has no effect')
  t.equal(expected, 'absent: it has no effect')
  for (const value of [true, false, 'x', {}]) t.notOk(isValid(value))
})

/** Reads the names of the options from the types of Node. */
function readNodeOptions (types: string): string[] {
  const name = fileURLToPath(new URL('options.ts', import.meta.url))
  const text = `
    import type { RequestOptions } from 'node:https'
    import type { TcpNetConnectOpts } from 'node:net'
    import type { ConnectionOptions, SecureContextOptions } from 'node:tls'
    export declare const options: RequestOptions & TcpNetConnectOpts & ConnectionOptions & SecureContextOptions`
  const host = ts.createCompilerHost({})
  const { getSourceFile } = host
  host.getSourceFile = (path, version) => {
    return path === name ? ts.createSourceFile(path, text, version) : getSourceFile(path, version)
  }
  const root = fileURLToPath(new URL(`../../../node_modules/${types}/index.d.ts`, import.meta.url))
  const compilerOptions = { types: [], lib: ['lib.es2023.d.ts'], module: ts.ModuleKind.NodeNext, strict: true }
  const program = ts.createProgram([name, root], compilerOptions, host)
  const file = program.getSourceFile(name)!
  const checker = program.getTypeChecker()
  const [options] = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!)
  return checker.getPropertiesOfType(checker.getTypeOfSymbol(options!)).map((property) => property.name)
}
