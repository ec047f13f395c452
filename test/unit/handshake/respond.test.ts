import type { OutgoingHttpHeaders } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { respond } from '../../../lib/handshake/respond.ts'
import { openFrameStream } from '../../helpers/stream-pair.ts'

const FIELDS = {
  ':status': '403', etag: ['"1"', '"2"'], 'set-cookie': ['a=1', 'b=2']
} as unknown as OutgoingHttpHeaders

void t.test('a field that node:http2 sends once has its values joined, and Set-Cookie stays separate', async (t) => {
  const [stream, client] = await openFrameStream(t)
  respond(stream, FIELDS, { endStream: true })
  t.match(await client.response(1), { ':status': '403', etag: '"1", "2"', 'set-cookie': ['a=1', 'b=2'] })
  t.equal((await client.untilEnd(1))[0], 'HEADERS END_STREAM')
})

void t.test('any other error is thrown', async (t) => {
  const [stream] = await openFrameStream(t)
  t.throws(() => respond(stream, { ':status': '999' }, {}), { code: 'ERR_HTTP2_STATUS_INVALID' })
})

void t.test('the headers are passed as they are', async (t) => {
  const calls: OutgoingHttpHeaders[] = []
  const stream = { respond (headers: OutgoingHttpHeaders) { calls.push(headers) } } as unknown as ServerHttp2Stream
  respond(stream, FIELDS, {})
  t.equal(calls.length, 1)
  t.equal(calls[0], FIELDS)
})

void t.test('headers that nghttp2 does not send are an error, and others do not end the session', async (t) => {
  const [stream, client] = await openFrameStream(t)
  const limit = 64 * 1024 - 128
  const headersOf = (size: number): OutgoingHttpHeaders => {
    return { ':status': '403', 'x-large': 'x'.repeat(size - (':status403'.length + 12) - ('x-large'.length + 12)) }
  }
  t.throws(() => respond(stream, headersOf(limit + 1), {}), { code: 'FST_WS_HEADERS_TOO_LARGE', message: String(limit) })
  t.equal(stream.headersSent, false)
  respond(stream, headersOf(limit), { endStream: true })
  t.match(await client.response(1), { ':status': '403', 'x-large': /^x+$/, date: /GMT$/ })
  await client.roundTrip()
})
