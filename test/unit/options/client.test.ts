import t from 'tap'
import { CONNECT_OPTIONS, readArguments, readConnectOptions } from '../../../lib/options/client.ts'
import type { SessionConnectOptions } from '../../../types/index.ts'

const URL_ONLY = ['agent', 'createConnection', 'followRedirects', 'http', 'maxRedirects']

void t.test('options of a client that are omitted have their defaults', async (t) => {
  const defaults = {
    http: undefined, path: '/', sendLimit: Infinity, slowConsumer: 'close', protocols: [], client: {}
  }
  const names = ['protocols', 'unknown', 'host', ...URL_ONLY, ...Object.keys(CONNECT_OPTIONS)]
  for (const hasSession of [false, true]) {
    t.same(readConnectOptions({}, hasSession), defaults)
    for (const omitted of [null, undefined]) {
      t.same(readConnectOptions(Object.fromEntries(names.map((name) => [name, omitted])), hasSession), defaults)
    }
  }
})

void t.test('other options are passed on to ws, without those that are undefined or null', async (t) => {
  const options = {
    sendLimit: 1,
    slowConsumer: 'drop',
    protocols: 'chat',
    maxPayload: 0,
    origin: undefined,
    servername: null as never,
    rejectUnauthorized: false
  } as const
  const client = { maxPayload: 0, rejectUnauthorized: false }
  t.same(readConnectOptions({ ...options, http: '2' }, false).client, client)
  t.same(readConnectOptions({ ...options, path: '/chat' }, true).client, client)
})

void t.test('one subprotocol or several may be offered', async (t) => {
  t.same(readConnectOptions({ protocols: 'chat' }, false).protocols, ['chat'])
  t.same(readConnectOptions({ protocols: ['v2', 'v1'] }, true).protocols, ['v2', 'v1'])
})

const KNOWN = 'one of those of connect(), of ws\'s client, or of tls.connect() (see docs/client.md)'
const LIMIT = 'option "sendLimit" must be an integer of at least 0 (bytes), or Infinity, got -1'
const PROTOCOLS = 'option "protocols" must be a string or an array of strings, got'

const REFUSED: Array<[target: 'URL' | 'session' | 'both', options: object, message: string]> = [
  ['URL', { http: '3' }, 'option "http" must be "1.1" or "2", got "3"'],
  ['session', { path: 'chat' }, 'option "path" must be a path that begins with "/", got "chat"'],
  ['session', { path: ['/a'] }, 'option "path" must be a path that begins with "/", got object'],
  ['both', { sendLimit: -1 }, LIMIT],
  ['both', { protocols: [7] }, `${PROTOCOLS} object`],
  ['both', { protocols: 7 }, `${PROTOCOLS} 7`],
  ['both', { protocols: { chat: true } }, `${PROTOCOLS} object`],
  ['both', { headerz: {} }, `option "headerz" must be ${KNOWN}, got an option "headerz": did you mean "headers"?`],
  ['both', { servernam: '' }, `option "servernam" must be ${KNOWN}, got an option "servernam": did you mean "servername"?`],
  ['both', { protocal: '' }, `option "protocal" must be ${KNOWN}, got an option "protocal": did you mean "protocols"?`],
  ['both', { constructor: 1 }, `option "constructor" must be ${KNOWN}, got an option "constructor"`],
  ['both', { verifyClient: 1 }, `option "verifyClient" must be ${KNOWN}, got an option "verifyClient"`],
  ['both', { host: 'a' }, 'option "host" must be absent: it is that of the URL or session, got "a"'],
  ['both', { ALPNProtocols: [] }, 'option "ALPNProtocols" must be absent: the option "http" selects the HTTP version, got object'],
  ['both', { timeout: 5 }, 'option "timeout" must be absent: the option for it is "handshakeTimeout", got 5'],
  ['both', { protocol: 'chat' }, 'option "protocol" must be absent: the URL has it, and the option for subprotocols is "protocols", got "chat"'],
  ['URL', { path: '/chat' }, 'option "path" must be absent: it is a part of the URL, got "/chat"'],
  ['session', { agent: {} }, 'option "agent" must be absent: a session is a connection, got object'],
  ['session', { createConnection: () => {} }, 'option "createConnection" must be absent: a session is a connection, got function'],
  ['session', { followRedirects: true }, 'option "followRedirects" must be absent: a session cannot connect to another server, got boolean'],
  ['session', { maxRedirects: 1 }, 'option "maxRedirects" must be absent: a session cannot connect to another server, got 1'],
  ['session', { http: '1.1' }, 'option "http" must be "2" or absent: a session is one of HTTP/2, got "1.1"']
]

for (const [target, options, message] of REFUSED) {
  void t.test(`connect() refuses ${JSON.stringify(options)} with ${target === 'both' ? 'a URL or session' : target}`, async (t) => {
    for (const hasSession of target === 'both' ? [false, true] : [target === 'session']) {
      t.throws(() => readConnectOptions(options, hasSession), { code: 'FST_WS_INVALID_OPTION', message })
    }
  })
}

void t.test('options that have the same effect with a session are accepted', async (t) => {
  t.equal(readConnectOptions({ http: '2', followRedirects: false }, true).http, '2')
})

void t.test('readArguments returns the options, or the subprotocols and the options', async (t) => {
  const options = { maxPayload: 1 }
  const frozen = Object.freeze(['v2', 'v1'])
  for (const [second, third, expected] of [
    [undefined, undefined, {}],
    [null, null, {}],
    [options, undefined, options],
    [options, null, options],
    [undefined, options, options],
    [null, { protocols: 'chat' }, { protocols: 'chat' }],
    ['chat', undefined, { protocols: 'chat' }],
    [frozen, options, { protocols: frozen, maxPayload: 1 }],
    ['chat', { protocols: undefined }, { protocols: 'chat' }],
    [[], options, { protocols: [], maxPayload: 1 }]
  ] as Array<[string | null, SessionConnectOptions, object]>) t.strictSame(readArguments(second, third), expected)
})

void t.test('readArguments refuses other types, and subprotocols in both', async (t) => {
  for (const [second, third, message] of [
    [7, undefined, `${PROTOCOLS} 7`],
    [[7], undefined, `${PROTOCOLS} object`],
    [{ maxPayload: 1 }, { maxPayload: 1 }, `${PROTOCOLS} object`],
    ['chat', 'room', 'option "options" must be an object, got "room"'],
    ['chat', { protocols: 'room' }, 'option "protocols" must be absent: the subprotocols are the second argument, got "room"'],
    [[], { protocols: ['room'] }, 'option "protocols" must be absent: the subprotocols are the second argument, got object']
  ] as Array<[string, object, string]>) {
    t.throws(() => readArguments(second, third), { code: 'FST_WS_INVALID_OPTION', message })
  }
})
