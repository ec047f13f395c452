import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { attempt, emptyAttempt, summarize } from '../../../lib/cli/attempt.ts'
import type { Attempt, ProbeRequest } from '../../../lib/cli/result.ts'
import { connect } from '../../../lib/client/index.ts'
import { echo } from '../../helpers/echo.ts'
import { listen, requestFor } from '../../helpers/probe.ts'
import { H1, start } from '../../helpers/transports.ts'

function open (url: string, properties: Partial<ProbeRequest> = {}, isBrief = false): Promise<Attempt> {
  const request = requestFor(url, properties)
  return attempt(request, '1.1', () => connect(request.url, request.protocols, { http: '1.1' }), isBrief)
}

async function openTo (t: Test, server: Parameters<typeof listen>[1], timeout?: number): Promise<Attempt> {
  return await open(`ws://127.0.0.1:${await listen(t, server)}`, timeout === undefined ? {} : { timeout })
}

async function serve (t: Test): Promise<string> {
  const { origin } = await start(t, H1, (app) => {
    app.get('/echo', { websocket: { protocols: ['v1'] } }, echo)
    app.get('/greeting', { websocket: true }, (socket) => {
      socket.send('welcome')
      echo(socket)
    })
    app.get('/binary', { websocket: true }, (socket) => {
      socket.on('message', () => socket.send(Buffer.alloc(5)))
    })
    app.get('/closing', { websocket: true }, (socket) => socket.close(4001, 'bye'))
    app.get('/silent', { websocket: true }, () => {})
  })
  return origin.replace('http', 'ws')
}

void t.test('a socket that opens has pings, an answer and a close code', async (t) => {
  const origin = await serve(t)
  const result = await open(`${origin}/echo`, { send: 'hello', protocols: ['v1'] })
  t.match(result, {
    outcome: 'opened',
    httpVersion: '1.1',
    status: 101,
    headers: { 'sec-websocket-protocol': 'v1' },
    subprotocol: 'v1',
    extensions: '',
    pings: { count: 10 },
    answer: { isBinary: false, bytes: 5, text: 'hello' },
    closeCode: 1000,
    closeReason: '',
    endedEarly: false,
    error: null
  })
})

void t.test('a message that arrives before the text is sent is not its answer', async (t) => {
  const origin = await serve(t)
  t.match(await open(`${origin}/greeting`, { send: 'hello' }), { answer: { text: 'hello' } })
  t.match(await open(`${origin}/binary`, { send: 'hello' }), { answer: { isBinary: true, bytes: 5, text: null } })
})

void t.test('a brief attempt closes the socket as soon as it is open', async (t) => {
  const result = await open(`${await serve(t)}/echo`, { send: 'hello' }, true)
  t.match(result, { outcome: 'opened', pings: null, answer: null, closeCode: 1000, endedEarly: false })
})

void t.test('a socket that the server closes has ended early, with its code', async (t) => {
  t.match(await open(`${await serve(t)}/closing`), { outcome: 'opened', endedEarly: true, closeCode: 4001, closeReason: 'bye' })
})

void t.test('a text that is not answered has no answer after the time limit', async (t) => {
  const result = await open(`${await serve(t)}/silent`, { send: 'hello', timeout: 200 })
  t.match(result, { outcome: 'opened', answer: null, endedEarly: false })
})

void t.test('a refusal has the beginning of its body', async (t) => {
  const short = createServer((_request, response) => response.writeHead(403, { 'x-field': 'a' }).end('no'))
  t.match(await openTo(t, short), {
    outcome: 'refused', status: 403, headers: { 'x-field': 'a' }, body: 'no', bodyIsComplete: true, closeCode: null
  })
  const endless = createServer((_request, response) => {
    const write = (): void => { while (response.writableEnded === false && response.write('x'.repeat(1000))); }
    response.writeHead(500).on('drain', write)
    write()
  })
  const result = await openTo(t, endless)
  t.match(result, { outcome: 'refused', status: 500, bodyIsComplete: false })
  t.equal(result.body?.length, 1024)
  const stopping = createServer((_request, response) => response.writeHead(503).write('partial'))
  t.match(await openTo(t, stopping, 300), { outcome: 'refused', body: 'partial', bodyIsComplete: false })
})

void t.test('a server that does not answer, or not in HTTP, has an error', async (t) => {
  t.match(await openTo(t, createTcpServer(), 300), { outcome: 'failed', error: { code: 'ETIMEDOUT' } })
  t.match(await openTo(t, createTcpServer((socket) => socket.end())), { outcome: 'failed', error: { code: 'ECONNRESET' } })
  t.match(await openTo(t, createTcpServer((socket) => socket.write('SSH-2.0\r\n'))), {
    outcome: 'failed', status: null, error: { code: /^HPE_/ }
  })
})

void t.test('an odd and an even number of times have a median', async (t) => {
  t.same(summarize([3, 1, 2]), { count: 3, minMs: 1, p50Ms: 2, maxMs: 3 })
  t.same(summarize([4, 1, 2, 3]), { count: 4, minMs: 1, p50Ms: 2.5, maxMs: 4 })
})

void t.test('an attempt has failed until its outcome is known', async (t) => {
  t.match(emptyAttempt('2'), { httpVersion: '2', outcome: 'failed', status: null })
})
