import t from 'tap'
import { expectEcho, openEcho } from '../helpers/echo.ts'
import { NO_WINDOW } from '../helpers/h2-frames.ts'
import { BINARY, CLOSE, CONTINUATION, PING, TEXT, wsClose, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { closing, openSocket } from './open-socket.ts'

interface ProtocolError {
  problem: string
  bytes: Buffer
  closes: number
  error: string
}

const protocolErrors: ProtocolError[] = [
  {
    problem: 'a frame without a mask',
    bytes: wsFrame(TEXT, 'bare', { masked: false }),
    closes: 1002,
    error: 'WS_ERR_EXPECTED_MASK'
  },
  { problem: 'a reserved opcode', bytes: wsFrame(3), closes: 1002, error: 'WS_ERR_INVALID_OPCODE' },
  {
    problem: 'a reserved bit',
    bytes: wsFrame(TEXT, 'x', { rsv: 1 }),
    closes: 1002,
    error: 'WS_ERR_UNEXPECTED_RSV_2_3'
  },
  {
    problem: 'a continuation without a first fragment',
    bytes: wsFrame(CONTINUATION, 'x'),
    closes: 1002,
    error: 'WS_ERR_INVALID_OPCODE'
  },
  {
    problem: 'a control frame in fragments',
    bytes: wsFrame(PING, 'x', { fin: false }),
    closes: 1002,
    error: 'WS_ERR_EXPECTED_FIN'
  },
  {
    problem: 'a control frame of 126 bytes',
    bytes: wsFrame(PING, 'x'.repeat(126)),
    closes: 1002,
    error: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
  },
  {
    problem: 'a Close of one byte',
    bytes: wsFrame(CLOSE, 'x'),
    closes: 1002,
    error: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
  },
  ...[999, 1005, 1006, 1015, 5000].map((code) => ({
    problem: `a Close with the code ${code}`, bytes: wsClose(code), closes: 1002, error: 'WS_ERR_INVALID_CLOSE_CODE'
  })),
  {
    problem: 'a text that is not UTF-8',
    bytes: wsFrame(TEXT, Buffer.of(0xff, 0xfe)),
    closes: 1007,
    error: 'WS_ERR_INVALID_UTF8'
  },
  {
    problem: 'a message larger than maxPayload',
    bytes: wsFrame(BINARY, Buffer.alloc(1001)),
    closes: 1009,
    error: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
  }
]

for (const { problem, bytes, closes, error } of protocolErrors) {
  await t.test(`${problem} is answered with Close ${closes} and END_STREAM, and the stream is freed`, async (t) => {
    const opened = await openSocket(t, { plugin: { options: { maxPayload: 1000 } } })
    const { server, client } = opened
    await openEcho(client, 3)
    client.data(1, bytes)
    await client.untilReset(1)
    await expectEcho(client, 3, 'not me')
    client.data(3, wsClose(1000), true)
    t.strictSame(await closing(opened), [
      ['HEADERS', `Close ${closes}`, 'END_STREAM', 'RST_STREAM NO_ERROR'], [`error ${error}`, `close ${closes}`]
    ])
    t.strictSame(server.events[1], ['close 1000'])
  })
}

await t.test('the stream of a client that ends its side after an error is freed without RST_STREAM', async (t) => {
  const opened = await openSocket(t)
  opened.client.data(1, wsFrame(3))
  await opened.client.untilEnd(1)
  opened.client.data(1, wsClose(1002), true)
  t.strictSame(await closing(opened), [
    ['HEADERS', 'Close 1002', 'END_STREAM'], ['error WS_ERR_INVALID_OPCODE', 'close 1002']
  ])
})

await t.test('a client that sends a message, an error and END_STREAM together receives the code that the server reports', async (t) => {
  const opened = await openSocket(t)
  opened.client.data(1, Buffer.concat([wsText('first'), wsFrame(3)]), true)
  t.strictSame(await closing(opened), [
    ['HEADERS', 'Text first', 'Close 1002', 'END_STREAM'], ['error WS_ERR_INVALID_OPCODE', 'close 1002']
  ])
})

await t.test('a client that resets its stream before it can receive the Close of its error is reported as 1006', async (t) => {
  const opened = await openSocket(t, {}, NO_WINDOW)
  opened.client.data(1, Buffer.concat([wsText('first'), wsFrame(3)]), true)
  await opened.client.roundTrip()
  opened.client.rst(1, 'NO_ERROR')
  t.strictSame(await closing(opened), [
    ['HEADERS'], ['error WS_ERR_INVALID_OPCODE', 'close 1006']
  ])
})

await t.test('a second request head on an open stream resets that stream only, with PROTOCOL_ERROR', async (t) => {
  const { server, client } = await openSocket(t)
  await openEcho(client, 3)
  client.connect(1, '/echo')
  t.strictSame(await client.untilReset(1), ['HEADERS', 'RST_STREAM PROTOCOL_ERROR'])
  await expectEcho(client, 3)
  t.strictSame(server.events, [['close 1006'], []])
})
