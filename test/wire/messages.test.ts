import t from 'tap'
import { MAX_FRAME_SIZE, PADDED } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { BINARY, CONTINUATION, PING, PONG, TEXT, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { openSocket } from './open-socket.ts'

const LARGE = Buffer.alloc(MIB)

await t.test('a message that is split over DATA frames at any byte arrives intact', async (t) => {
  const { client } = await openSocket(t)
  const bytes = wsText('grüße, cut into pieces')
  const expected = ['HEADERS']
  for (let cut = 1; cut < bytes.length; cut++) {
    client.data(1, bytes.subarray(0, cut))
    client.data(1, bytes.subarray(cut))
    expected.push('Text grüße, cut into pieces')
  }
  for (const byte of bytes) client.data(1, Buffer.of(byte))
  expected.push('Text grüße, cut into pieces')
  await client.until(() => client.wsTrace(1).length === expected.length || undefined)
  t.strictSame(client.wsTrace(1), expected)
})

await t.test('many messages in one DATA frame arrive one by one and in order', async (t) => {
  const { client } = await openSocket(t)
  const texts = Array.from({ length: 500 }, (_, index) => `message ${index}`)
  client.data(1, Buffer.concat(texts.map(wsText)))
  await client.untilReceived(1, 'Text message 499')
  t.strictSame(client.wsTrace(1), ['HEADERS', ...texts.map((text) => `Text ${text}`)])
})

await t.test('padding and empty DATA frames are not part of a message', async (t) => {
  const { client } = await openSocket(t)
  const bytes = wsText('padded')
  const parts: Array<[part: Buffer, padding: number]> = [
    [bytes.subarray(0, 3), 255], [Buffer.alloc(0), 255], [bytes.subarray(3), 0]
  ]
  for (const [part, padding] of parts) {
    client.data(1, Buffer.alloc(0))
    client.send('DATA', 1, Buffer.concat([Buffer.of(padding), part, Buffer.alloc(padding)]), PADDED)
  }
  t.strictSame(await client.untilReceived(1, 'Text padded'), ['HEADERS', 'Text padded'])
})

await t.test('a ping is answered with a pong, also between the fragments of a message', async (t) => {
  const { client } = await openSocket(t)
  client.data(1, Buffer.concat([
    wsFrame(TEXT, 'one, ', { fin: false }), wsFrame(PING, 'there?'), wsFrame(PONG, 'unasked'), wsFrame(CONTINUATION, 'two')
  ]))
  t.strictSame(await client.untilReceived(1, 'Text one, two'), ['HEADERS', 'Pong there?', 'Text one, two'])
})

await t.test('a message of 1 MiB arrives intact through the default windows of HTTP/2', async (t) => {
  const { client } = await openSocket(t)
  const bytes = wsFrame(BINARY, LARGE)
  for (let at = 0; at < bytes.length; at += MAX_FRAME_SIZE) {
    client.data(1, bytes.subarray(at, at + MAX_FRAME_SIZE))
    await client.roundTrip()
  }
  await client.untilReceived(1, `Binary ${MIB}`)
  t.strictSame(client.wsTrace(1), ['HEADERS', `Binary ${MIB}`])
})
