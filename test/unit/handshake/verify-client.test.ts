import t from 'tap'
import type { VerifyClient } from '../../../index.ts'
import { guardVerifyClient } from '../../../lib/handshake/verify-client.ts'
import { ERROR, errorsIn } from '../../helpers/logs.ts'
import { createLog, readToEnd, receiveUpgrade } from '../../helpers/pending-upgrade.ts'
import { waitTurns } from '../../helpers/waiting.ts'

type Info = Parameters<VerifyClient>[0]
type Result = Parameters<Parameters<VerifyClient>[1]>

/** A request that did not come through the plugin, and therefore has no Upgrade. */
const PLAIN = { req: {}, origin: '', secure: false } as Info

/** Calls a guarded `verifyClient` as ws does, and returns the results that ws receives. */
async function verify (verifyClient: VerifyClient, info = PLAIN, log = createLog().log): Promise<Result[]> {
  const results: Result[] = []
  guardVerifyClient(verifyClient, log)(info, (...result) => { results.push(result) })
  await waitTurns(2)
  return results
}

const ACCEPTING: Array<[title: string, verifyClient: VerifyClient]> = [
  ['returns true', () => true],
  ['returns a truthy value', () => 'yes' as never],
  ['resolves with true', async () => true],
  ['calls back', (_info, done) => { done(true) }],
  ['calls back later', (_info, done) => { setImmediate(done, true) }],
  ['calls back, and resolves with false', async (_info, done) => { done(true); return false }],
  ['calls back with true, and then with false', (_info, done) => { done(true); done(false, 403) }]
]

for (const [title, verifyClient] of ACCEPTING) {
  void t.test(`guardVerifyClient: a function that ${title} accepts the handshake once`, async (t) => {
    t.same(await verify(verifyClient), [[true]])
  })
}

const REFUSING: Array<[title: string, verifyClient: VerifyClient, result: Result]> = [
  ['returns false', () => false, [false, 401, 'Unauthorized', {}]],
  ['returns nothing', () => {}, [false, 401, 'Unauthorized', {}]],
  ['resolves with false', async () => false, [false, 401, 'Unauthorized', {}]],
  ['calls back with false', (_info, done) => { done(false) }, [false, 401, 'Unauthorized', {}]],
  ['calls back with a status', (_info, done) => { done(false, 429) }, [false, 429, 'Too Many Requests', {}]],
  ['calls back with a status as text', (_info, done) => { done(false, '403' as never) }, [false, 403, 'Forbidden', {}]],
  ['calls back with a message and headers', (_info, done) => {
    done(false, 403, 'no', { 'x-a': 'b' })
  }, [false, 403, 'no', { 'x-a': 'b' }]],
  ['calls back with false, and then with true', (_info, done) => { done(false, 403, 'no'); done(true) }, [false, 403, 'no', {}]]
]

for (const [title, verifyClient, result] of REFUSING) {
  void t.test(`guardVerifyClient: a function that ${title} refuses the handshake once`, async (t) => {
    t.same(await verify(verifyClient), [result])
  })
}

void t.test('guardVerifyClient: a function with two parameters does not decide with its promise', async (t) => {
  t.same(await verify(async (_info, _done) => true), [])
  t.same(await verify(async (_info, _done) => false), [])
})

void t.test('guardVerifyClient: the function receives the request, the origin, and whether TLS is used', async (t) => {
  const infos: Info[] = []
  await verify((info) => infos.push(info) > 0)
  t.equal(infos[0], PLAIN)
})

void t.test('guardVerifyClient: an exception before the result is thrown to the caller', async (t) => {
  const { log, logs } = createLog()
  const guarded = guardVerifyClient(() => { throw new Error('boom') }, log)
  t.throws(() => guarded(PLAIN, () => t.fail('called back')), { message: 'boom' })
  t.same(logs, [])
})

const FAILING: Array<[title: string, verifyClient: VerifyClient, error: object]> = [
  ['rejects', async () => { throw new Error('boom') }, { message: 'boom' }],
  ['has two parameters and rejects', async (_info, _done) => { throw new Error('boom') }, { message: 'boom' }],
  ['rejects with undefined', () => Promise.reject(undefined), { message: 'verifyClient threw undefined' }], // eslint-disable-line prefer-promise-reject-errors
  ['refuses with the status 200', (_info, done) => { done(false, 200) }, { code: 'FST_WS_INVALID_REFUSAL' }],
  ['refuses with the status 600', (_info, done) => { done(false, 600) }, { code: 'FST_WS_INVALID_REFUSAL' }],
  ['refuses with an invalid header', (_info, done) => { done(false, 403, 'no', { 'x-a': 'b\r\nc: d' }) }, {
    code: 'FST_WS_INVALID_HEADER'
  }]
]

for (const [title, verifyClient, error] of FAILING) {
  void t.test(`guardVerifyClient: a function that ${title} is logged, and refuses with 500`, async (t) => {
    const { log, logs } = createLog()
    t.same(await verify(verifyClient, PLAIN, log), [[false, 500]])
    t.match(logs, [{ level: ERROR, msg: 'verifyClient failed', err: error }])
    t.equal(logs.length, 1)
  })
}

void t.test('guardVerifyClient: an error after the result is logged, and does not change it', async (t) => {
  for (const verifyClient of [
    (_info, done) => { done(true); throw new Error('boom') },
    async (_info, done) => { done(true); throw new Error('boom') }
  ] as VerifyClient[]) {
    const { log, logs } = createLog()
    t.same(await verify(verifyClient, PLAIN, log), [[true]])
    t.match(logs, [{ msg: 'verifyClient failed', err: { message: 'boom' } }])
  }
})

// With the Upgrade of a transport

void t.test('guardVerifyClient: the response of an Upgrade is the refusal, with its headers and a length', async (t) => {
  const { log, logs } = createLog()
  const { request, client } = await receiveUpgrade(log)
  const headers = { 'X-A': ['b', 'c'], 'Content-Length': '99', 'Content-Type': 'text/plain' }
  const info = { ...PLAIN, req: request as Info['req'] }
  const results = await verify((_info, done) => { done(false, 403, 'caf\xe9', headers) }, info)
  t.same(results, [], 'ws does not respond itself')
  const received = await readToEnd(client)
  t.match(received, 'HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nX-A: b\r\nX-A: c\r\nContent-Type: text/plain\r\n')
  t.match(received, /\r\n\r\ncaf\xc3\xa9$/)
  t.same(logs, [])
})

void t.test('guardVerifyClient: after the response of an Upgrade has begun, every result is ignored', async (t) => {
  for (const verifyClient of [(_info, done) => done(true), (_info, done) => done(false, 403)] as VerifyClient[]) {
    const { log, logs } = createLog()
    const { request, response, client } = await receiveUpgrade(log)
    response.writeHead(503, { 'content-length': 0 }).end()
    t.same(await verify(verifyClient, { ...PLAIN, req: request as Info['req'] }), [])
    t.match(await readToEnd(client), /^HTTP\/1\.1 503 /)
    t.same(logs, [])
  }
})

void t.test('guardVerifyClient: if ws cannot accept the handshake, the Upgrade is answered with 500', async (t) => {
  const { log, logs } = createLog()
  const { request, client } = await receiveUpgrade(log)
  const guarded = guardVerifyClient((_info, done) => done(true), createLog().log)
  guarded({ ...PLAIN, req: request as Info['req'] }, () => { throw new Error('boom') })
  t.match(await readToEnd(client), /^HTTP\/1\.1 500 Internal Server Error\r\n/)
  t.match(errorsIn(logs), [{ err: { message: 'boom' } }], 'it is logged by the logger of the Upgrade')
})

void t.test('guardVerifyClient: if ws fails after its response has begun, the connection is destroyed', async (t) => {
  const { log, logs } = createLog()
  const { request, upgrade, client } = await receiveUpgrade(log)
  const guarded = guardVerifyClient((_info, done) => done(true), log)
  guarded({ ...PLAIN, req: request as Info['req'] }, () => {
    upgrade.startAnswer()
    throw new Error('boom')
  })
  t.equal(await readToEnd(client), '')
  t.equal(errorsIn(logs).length, 1)
})
