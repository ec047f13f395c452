import t from 'tap'
import { CONNECT_OPTIONS, readConnectOptions } from '../../../lib/options/client.ts'

void t.test('options of a client that are omitted have their defaults', async (t) => {
  const defaults = {
    http: undefined, path: '/', sendLimit: Infinity, slowConsumer: 'close', protocols: [], client: {}
  }
  t.same(readConnectOptions({}), defaults)
  const omitted = Object.fromEntries(['protocols', ...Object.keys(CONNECT_OPTIONS)].map((name) => [name, null]))
  t.same(readConnectOptions(omitted), defaults)
})

void t.test('other options are passed on to ws, without those that are undefined or null', async (t) => {
  const { client } = readConnectOptions({
    http: '2',
    path: '/chat',
    sendLimit: 1,
    slowConsumer: 'drop',
    protocols: 'chat',
    maxPayload: 0,
    origin: undefined,
    servername: null as never,
    rejectUnauthorized: false
  })
  t.same(client, { maxPayload: 0, rejectUnauthorized: false })
})

void t.test('one subprotocol or several may be offered', async (t) => {
  t.same(readConnectOptions({ protocols: 'chat' }).protocols, ['chat'])
  t.same(readConnectOptions({ protocols: ['v2', 'v1'] }).protocols, ['v2', 'v1'])
})

void t.test('an invalid option of a client is refused by its name', async (t) => {
  for (const [options, message] of [
    [{ http: '3' }, 'option "http" must be "1.1" or "2", got "3"'],
    [{ path: 'chat' }, 'option "path" must be a path that begins with "/", got "chat"'],
    [{ sendLimit: -1 }, 'option "sendLimit" must be an integer of at least 0 (bytes), or Infinity, got -1']
  ] as const) t.throws(() => readConnectOptions(options as object), { code: 'FST_WS_INVALID_OPTION', message })
})
