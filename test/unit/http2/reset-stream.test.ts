import { constants } from 'node:http2'
import t from 'tap'
import { resetStream } from '../../../lib/http2/reset-stream.ts'
import { openStream, untilClosed } from './open-stream.ts'

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants

for (const [name, code] of Object.entries({
  CANCEL: NGHTTP2_CANCEL,
  ENHANCE_YOUR_CALM: NGHTTP2_ENHANCE_YOUR_CALM,
  NO_ERROR: NGHTTP2_NO_ERROR,
  REFUSED_STREAM: NGHTTP2_REFUSED_STREAM
})) {
  void t.test(`a reset with ${name} is one RST_STREAM with this code, without END_STREAM`, async (t) => {
    const { stream, client } = await openStream(t)
    resetStream(stream, code)
    t.ok(stream.destroyed, 'the stream is destroyed immediately')
    resetStream(stream, NGHTTP2_CANCEL)
    await untilClosed(stream)
    t.strictSame(await client.untilReset(1), ['HEADERS', `RST_STREAM ${name}`])
  })
}

void t.test('a reset while a write is blocked is one RST_STREAM', async (t) => {
  const { stream, client } = await openStream(t, 0)
  stream.write('blocked')
  resetStream(stream, NGHTTP2_CANCEL)
  await untilClosed(stream)
  t.strictSame(await client.untilReset(1), ['HEADERS', 'RST_STREAM CANCEL'])
})

void t.test('a reset after END_STREAM of both sides sends nothing more', async (t) => {
  const { stream, client, roundTrip } = await openStream(t)
  client.end(1)
  stream.resume().end()
  await client.untilEnd(1)
  await untilClosed(stream)
  resetStream(stream, NGHTTP2_CANCEL)
  await roundTrip()
  t.strictSame(client.trace(1), ['HEADERS', 'DATA END_STREAM'])
})
