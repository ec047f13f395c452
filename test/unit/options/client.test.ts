import t from 'tap'
import { CONNECT_OPTIONS, readArguments, readConnectOptions } from '../../../lib/options/client.ts'
import type { SessionConnectOptions } from '../../../types/index.ts'

const URL_ONLY = ['agent', 'createConnection', 'followRedirects', 'http', 'maxRedirects']

void t.test('options of a client that are omitted have their defaults', async (t) => {
  const defaults = {
    http: undefined,
    path: '/',
    heartbeat: 0,
    reconnect: undefined,
    session: undefined,
    sendLimit: Infinity,
    slowConsumer: 'close',
    protocols: [],
    isShared: false,
    client: {}
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

void t.test('with reconnect the heartbeat and the limit of a handshake have other defaults', async (t) => {
  t.match(readConnectOptions({ reconnect: true }, false), {
    heartbeat: 30_000, reconnect: { minDelay: 1000 }, client: { handshakeTimeout: 20_000 }
  })
  t.match(readConnectOptions({ reconnect: { minDelay: 5 }, heartbeat: 0, handshakeTimeout: 0 }, false), {
    heartbeat: 0, reconnect: { minDelay: 5 }, client: { handshakeTimeout: 0 }
  })
  const omitted = { reconnect: true, heartbeat: undefined, handshakeTimeout: null as never }
  t.match(readConnectOptions(omitted, false), { heartbeat: 30_000, client: { handshakeTimeout: 20_000 } })
})

void t.test('session is "shared", or a TLS session that is passed on', async (t) => {
  const session = Buffer.from('x')
  t.match(readConnectOptions({ session: 'shared', http: '2' }, false), { isShared: true, client: {} })
  t.notOk('session' in readConnectOptions({ session: 'shared' }, false).client)
  t.match(readConnectOptions({ session }, false), { isShared: false, client: { session } })
  t.match(readConnectOptions({ session }, true), { isShared: false })
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
  ['both', { heartbeat: -1 }, 'option "heartbeat" must be an integer from 0 to 2147483647 (ms), got -1'],
  ['URL', { reconnect: 5 }, 'option "reconnect" must be a boolean or an object, got 5'],
  ['URL', { reconnect: { jitter: 2 } }, 'option "reconnect.jitter" must be a number from 0 to 1, got 2'],
  ['session', { reconnect: true }, 'option "reconnect" must be absent: a session cannot be opened again, got boolean'],
  ['URL', { session: 'own' }, 'option "session" must be "shared", or a Buffer: a TLS session to resume, got "own"'],
  ['session', { session: 'shared' }, 'option "session" must be absent: the session is the first argument, got "shared"'],
  ['URL', { session: 'shared', agent: {} }, 'option "agent" must be absent: with session: "shared" there is no connection of HTTP/1.1, got object'],
  ['URL', { session: 'shared', http: '1.1' }, 'option "http" must be "2" or absent: HTTP/1.1 has no sessions to share, got "1.1"'],
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
  t.equal(readConnectOptions({ http: '2', followRedirects: false, reconnect: false }, true).http, '2')
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
