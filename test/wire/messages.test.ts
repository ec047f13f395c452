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

await t.test('messages that arrive without waiting for answers are answered in one DATA frame, in order', async (t) => {
  const { client } = await openSocket(t)
  const texts = Array.from({ length: 16 }, (_, index) => `message ${index}`)
  const exchange = async (): Promise<number> => {
    const before = client.trace(1).length
    client.batch(() => { for (const text of [...texts, `last of ${before}`]) client.data(1, wsText(text)) })
    await client.untilReceived(1, `Text last of ${before}`)
    return client.trace(1).length - before
  }
  const frames = [await exchange(), await exchange(), await exchange()]
  t.strictSame(frames, [2, 1, 1], 'the first answer leaves alone until the stream is known to be pipelined')
  const received = client.wsTrace(1).filter((each) => each.startsWith('Text message'))
  t.strictSame(received, [...texts, ...texts, ...texts].map((text) => `Text ${text}`))
})

await t.test('a pipelined stream whose socket closes sends its answers ahead of the Close frame', async (t) => {
  const { client, socket } = await openSocket(t)
  const send = (texts: string[]): void => client.batch(() => { for (const text of texts) client.data(1, wsText(text)) })
  send(['1', '2', '3', '4'])
  await client.untilReceived(1, 'Text 4')
  socket.on('message', (data) => { if (String(data) === '6') socket.close(4000) })
  send(['5', '6', '7'])
  await client.untilReceived(1, 'Close 4000')
  t.strictSame(client.wsTrace(1).slice(1), ['1', '2', '3', '4', '5', '6'].map((text) => `Text ${text}`).concat('Close 4000'))
})

await t.test('a pipelined stream whose socket is terminated ends without the answers', async (t) => {
  const { client, socket, server } = await openSocket(t)
  const send = (texts: string[]): void => client.batch(() => { for (const text of texts) client.data(1, wsText(text)) })
  send(['1', '2', '3', '4'])
  await client.untilReceived(1, 'Text 4')
  socket.on('message', () => socket.terminate())
  send(['5', '6'])
  t.equal((await client.untilReset(1)).at(-1), 'RST_STREAM CANCEL')
  await server.socketsClosed()
  await client.roundTrip()
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
