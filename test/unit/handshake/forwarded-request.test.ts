import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { startGateway } from '../../helpers/gateway.ts'
import type { Field } from '../../helpers/hpack.ts'
import { KEY } from '../../helpers/upgrade-request.ts'

type Received = [request: IncomingMessage, socket: Duplex, head: Buffer]

/** Sends an Extended CONNECT with additional fields. Returns the request that the handler receives, and its socket. */
async function receive (t: Test, ...fields: Field[]): Promise<Received> {
  const received: Received[] = []
  const gateway = await startGateway(t, (...parameters) => { received.push(parameters) })
  const client = await gateway.client()
  client.headers(1, [...client.connectFields('/path?a=b', { ':authority': 'example.org' }), ...fields])
  await client.roundTrip()
  return received[0]!
}

void t.test('an Extended CONNECT is received as the GET of an HTTP/1.1 upgrade', async (t) => {
  const [request, socket, head] = await receive(t, ['x-a', 'caf\xe9'])
  t.match(request, { method: 'GET', url: '/path?a=b', httpVersion: '1.1', complete: true, upgrade: true })
  t.equal(request.socket, socket)
  t.equal(head.length, 0)
  const { 'sec-websocket-key': key, ...headers } = request.headers
  t.strictSame(headers, {
    host: 'example.org',
    'sec-websocket-version': '13',
    'x-a': 'caf\xe9',
    connection: 'Upgrade',
    upgrade: 'websocket'
  })
  t.equal(Buffer.from(key!, 'base64').length, 16)
  request.resume()
  await once(request, 'end')
})

void t.test('fields of a connection and pseudo-headers are not passed on, and Host is :authority', async (t) => {
  const [{ rawHeaders, headersDistinct }] = await receive(t, ['te', 'trailers'], ['host', 'other.example'])
  t.notOk(rawHeaders.some((text) => text.startsWith(':')))
  t.notOk(rawHeaders.includes('te'))
  t.strictSame(headersDistinct.host, ['example.org'])
})

void t.test('the parts of a Cookie field are joined, and other fields stay separate', async (t) => {
  const [{ headers, rawHeaders, headersDistinct }] = await receive(t,
    ['cookie', 'a=1'], ['x-a', '1'], ['cookie', 'b=2'], ['x-a', '2'])
  t.equal(headers.cookie, 'a=1; b=2')
  t.strictSame(headersDistinct.cookie, ['a=1; b=2'])
  t.equal(rawHeaders.filter((text) => text === 'cookie').length, 1)
  t.equal(headers['x-a'], '1, 2')
  t.strictSame(headersDistinct['x-a'], ['1', '2'])
})

void t.test('a Sec-WebSocket-Key of the client is kept, and a malformed one is replaced', async (t) => {
  const [kept] = await receive(t, ['sec-websocket-key', KEY])
  t.strictSame(kept.headersDistinct['sec-websocket-key'], [KEY])
  const [replaced] = await receive(t, ['sec-websocket-key', 'no key'])
  t.match(replaced.headersDistinct['sec-websocket-key']!.join(), /^[+/\w]{22}==$/)
})
