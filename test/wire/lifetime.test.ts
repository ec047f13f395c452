import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { ERROR_CODES, PADDED, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient, OpenOptions } from '../helpers/h2-frames.ts'
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, wsClose, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { addEcho, hearEcho, openEcho, serve } from './server.ts'
import type { ServeOptions, Wire } from './server.ts'

const MEGABYTE = Buffer.alloc(1024 * 1024)

// With it, nothing but heads can be sent to the client.
const NO_WINDOW = { settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: 0 } }

interface Opened {
  wire: Wire
  client: FrameClient
  socket: WebSocket
}

/** A server with an open socket on stream 1. */
async function open (t: Test, serveOptions: ServeOptions = {}, openOptions: OpenOptions = {}): Promise<Opened> {
  const wire = await serve(t, addEcho, serveOptions)
  const client = await wire.client(openOptions)
  client.connect(1, '/echo')
  await client.response(1)
  return { wire, client, socket: wire.sockets[0]! }
}

/** Waits until the server holds nothing any more, and tells what it said and what its first socket saw. */
async function ending ({ wire, client }: Pick<Opened, 'wire' | 'client'>): Promise<[said: string[], seen: string[]]> {
  await wire.emptied()
  await client.settled()
  return [client.wsTrace(1), wire.events[0]!]
}

// The closing handshake

await t.test('a client closes: Close, END_STREAM, and no RST_STREAM once the client has ended its side', async (t) => {
  const opened = await open(t)
  const { client } = opened
  client.data(1, wsClose(4000, 'done'))
  await client.untilEnd(1)
  client.end(1)
  t.strictSame(await ending(opened), [['HEADERS', 'Close 4000 done', 'END_STREAM'], ['close 4000 done']])
})

await t.test('a client closes and ends its side in one frame: Close, END_STREAM', async (t) => {
  const opened = await open(t)
  opened.client.data(1, wsClose(4000, 'done'), true)
  t.strictSame(await ending(opened), [['HEADERS', 'Close 4000 done', 'END_STREAM'], ['close 4000 done']])
})

await t.test('a client closes without a code: the server sees 1005', async (t) => {
  const opened = await open(t)
  opened.client.data(1, wsClose(), true)
  t.strictSame(await ending(opened), [['HEADERS', 'Close', 'END_STREAM'], ['close 1005']])
})

await t.test('the server closes: Close, and END_STREAM once the client has answered', async (t) => {
  const opened = await open(t)
  const { client, socket } = opened
  socket.close(4001, 'x')
  await client.untilSaid(1, 'Close 4001 x')
  await client.settled()
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Close 4001 x'])
  client.data(1, wsClose(4001), true)
  t.strictSame(await ending(opened), [['HEADERS', 'Close 4001 x', 'END_STREAM'], ['close 4001']])
})

await t.test('both sides close at once: one Close each, one close event', async (t) => {
  const opened = await open(t)
  opened.client.data(1, wsClose(4002, 'client'))
  opened.socket.close(4001, 'server')
  await opened.client.untilEnd(1)
  opened.client.end(1)
  t.strictSame(await ending(opened), [['HEADERS', 'Close 4001 server', 'END_STREAM'], ['close 4002 client']])
})

await t.test('data after a Close is not listened to', async (t) => {
  const opened = await open(t)
  opened.client.together(() => {
    opened.client.data(1, wsClose(1000))
    opened.client.data(1, wsText('too late'), true)
  })
  t.strictSame(await ending(opened), [['HEADERS', 'Close 1000', 'END_STREAM'], ['close 1000']])
})

// Firefox, nghttpx and undici 7 do so.
await t.test('a client that closes and never ends its side is freed with RST_STREAM NO_ERROR', async (t) => {
  const opened = await open(t)
  opened.client.data(1, wsClose(4000, 'done'))
  t.strictSame(await ending(opened), [
    ['HEADERS', 'Close 4000 done', 'END_STREAM', 'RST_STREAM NO_ERROR'], ['close 4000 done']
  ])
})

await t.test('a client that answers a Close and never ends its side is freed with RST_STREAM NO_ERROR', async (t) => {
  const opened = await open(t)
  opened.socket.close(4001, 'x')
  await opened.client.untilSaid(1, 'Close 4001 x')
  opened.client.data(1, wsClose(4001))
  t.strictSame(await ending(opened), [
    ['HEADERS', 'Close 4001 x', 'END_STREAM', 'RST_STREAM NO_ERROR'], ['close 4001']
  ])
})

await t.test('a client that never answers a Close is dropped with RST_STREAM CANCEL after closeTimeout', async (t) => {
  const opened = await open(t, { plugin: { options: { closeTimeout: 300 } } })
  opened.socket.close(4001, 'x')
  t.strictSame(await ending(opened), [['HEADERS', 'Close 4001 x', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('END_STREAM without a Close gets END_STREAM back, and 1006', async (t) => {
  const opened = await open(t)
  opened.client.end(1)
  t.strictSame(await ending(opened), [['HEADERS', 'END_STREAM'], ['close 1006']])
})

await t.test('END_STREAM in the middle of a message gets END_STREAM back, and 1006', async (t) => {
  const opened = await open(t)
  opened.client.data(1, wsText('cut off').subarray(0, 8), true)
  t.strictSame(await ending(opened), [['HEADERS', 'END_STREAM'], ['close 1006']])
})

await t.test('what was sent before close() arrives before the Close, though the window was closed', async (t) => {
  const opened = await open(t, {}, NO_WINDOW)
  const { client, socket } = opened
  socket.send(MEGABYTE)
  socket.close(1000)
  client.together(() => {
    client.windowUpdate(0, MEGABYTE.length)
    client.windowUpdate(1, 2 * MEGABYTE.length)
  })
  await client.untilSaid(1, 'Close 1000')
  client.data(1, wsClose(1000), true)
  t.strictSame(await ending(opened), [['HEADERS', `Binary ${MEGABYTE.length}`, 'Close 1000', 'END_STREAM'], ['close 1000']])
})

await t.test('a client that closes while its window is closed gets everything once it opens it', async (t) => {
  const opened = await open(t, {}, NO_WINDOW)
  const { client, socket } = opened
  socket.send(MEGABYTE)
  client.data(1, wsClose(1000))
  // Longer than the server waits for a client to end its side: it must not start to count before it has ended its own.
  await sleep(600)
  t.strictSame(client.wsTrace(1), ['HEADERS'])
  client.together(() => {
    client.windowUpdate(0, MEGABYTE.length)
    client.windowUpdate(1, 2 * MEGABYTE.length)
  })
  await client.untilEnd(1)
  client.end(1)
  t.strictSame(await ending(opened), [['HEADERS', `Binary ${MEGABYTE.length}`, 'Close 1000', 'END_STREAM'], ['close 1000']])
})

const parting: Array<[says: string, bytes: Buffer, end: boolean, seen: string[]]> = [
  ['closes', wsClose(4000), false, ['close 4000']],
  ['closes and ends its side', wsClose(4000), true, ['close 4000']],
  ['ends its side without a Close', Buffer.alloc(0), true, ['close 1006']],
  ['breaks the protocol', wsFrame(3), false, ['error WS_ERR_INVALID_OPCODE', 'close 1006']],
  ['breaks the protocol and ends its side', wsFrame(3), true, ['error WS_ERR_INVALID_OPCODE', 'close 1006']]
]

for (const [says, bytes, end, seen] of parting) {
  await t.test(`a client that ${says}, and never opens its window, is reset after closeTimeout`, async (t) => {
    const opened = await open(t, { plugin: { options: { closeTimeout: 300 } } }, NO_WINDOW)
    opened.socket.send(MEGABYTE)
    opened.client.data(1, bytes, end)
    t.strictSame(await ending(opened), [['HEADERS', 'RST_STREAM CANCEL'], seen])
  })
}

await t.test('a client that ends its side and reads slowly gets everything, though it takes longer than closeTimeout', async (t) => {
  const opened = await open(t, { plugin: { options: { closeTimeout: 1500 } } }, { ...NO_WINDOW, windowUpdates: false })
  const { client, socket } = opened
  socket.send(MEGABYTE)
  client.end(1)
  client.windowUpdate(0, 2 * MEGABYTE.length)
  for (let step = 0; step < 36; step++) {
    await sleep(100)
    client.windowUpdate(1, 30_000)
  }
  t.strictSame(await ending(opened), [['HEADERS', `Binary ${MEGABYTE.length}`, 'END_STREAM'], ['close 1006']])
})

await t.test('trailers end the client\'s side as any END_STREAM does', async (t) => {
  const opened = await open(t)
  opened.client.headers(1, [['x-trailer', 'bye']], true)
  t.strictSame(await ending(opened), [['HEADERS', 'END_STREAM'], ['close 1006']])
})

// terminate()

await t.test('terminate() is one RST_STREAM CANCEL', async (t) => {
  const opened = await open(t)
  opened.socket.terminate()
  t.strictSame(await ending(opened), [['HEADERS', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() in the tick of a send is one RST_STREAM CANCEL, whether the message made it or not', async (t) => {
  const opened = await open(t)
  opened.socket.send('last words')
  opened.socket.terminate()
  const [said, seen] = await ending(opened)
  t.strictSame(said.filter((words) => words !== 'Text last words'), ['HEADERS', 'RST_STREAM CANCEL'])
  t.equal(said.at(-1), 'RST_STREAM CANCEL')
  t.strictSame(seen, ['close 1006'])
})

await t.test('terminate() with 1 MiB behind a closed window is one RST_STREAM CANCEL', async (t) => {
  const opened = await open(t, {}, NO_WINDOW)
  opened.socket.send(MEGABYTE)
  await opened.client.settled()
  opened.socket.terminate()
  t.strictSame(await ending(opened), [['HEADERS', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() after a Close that is not answered is one RST_STREAM CANCEL', async (t) => {
  const opened = await open(t)
  opened.socket.close(4001)
  await opened.client.untilSaid(1, 'Close 4001')
  opened.socket.terminate()
  t.strictSame(await ending(opened), [['HEADERS', 'Close 4001', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() twice, and a close() after it, are one RST_STREAM and one close event', async (t) => {
  const opened = await open(t)
  opened.socket.terminate()
  opened.socket.terminate()
  opened.socket.close()
  t.strictSame(await ending(opened), [['HEADERS', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() in the handler is one RST_STREAM CANCEL, at the latest after the 200', async (t) => {
  const wire = await serve(t, (app) => {
    app.get('/terminates', { websocket: true }, (socket) => { socket.terminate() })
  })
  const client = await wire.client()
  client.connect(1, '/terminates')
  const [said, seen] = await ending({ wire, client })
  t.strictSame(said.filter((words) => words !== 'HEADERS'), ['RST_STREAM CANCEL'])
  t.strictSame(seen, ['close 1006'])
})

await t.test('terminate() on a message, with more of them in the same read, is one RST_STREAM CANCEL', async (t) => {
  const opened = await open(t)
  const { wire, client, socket } = opened
  await openEcho(client, 3)
  socket.on('message', () => { socket.terminate() })
  client.together(() => {
    for (let count = 0; count < 10; count++) client.data(1, wsText('again'))
    client.data(3, wsText('last'))
  })
  await client.untilReset(1)
  await client.untilSaid(3, 'Text last')
  await hearEcho(client, 3)
  t.strictSame(client.wsTrace(1).filter((words) => words !== 'Text again'), ['HEADERS', 'RST_STREAM CANCEL'])
  t.strictSame(wire.events, [['close 1006'], []])
})

await t.test('terminate() leaves the sockets of other streams as they were', async (t) => {
  const { wire, client, socket } = await open(t)
  await openEcho(client, 3)
  socket.terminate()
  await client.untilReset(1)
  await hearEcho(client, 3, 'and I?')
  t.strictSame(wire.events, [['close 1006'], []])
})

// Errors of the peer

interface PeerError {
  says: string
  bytes: Buffer
  closes: number
  error: string
}

const peerErrors: PeerError[] = [
  {
    says: 'a frame without a mask',
    bytes: wsFrame(TEXT, 'bare', { masked: false }),
    closes: 1002,
    error: 'WS_ERR_EXPECTED_MASK'
  },
  { says: 'a reserved opcode', bytes: wsFrame(3), closes: 1002, error: 'WS_ERR_INVALID_OPCODE' },
  {
    says: 'a reserved bit',
    bytes: wsFrame(TEXT, 'x', { rsv: 1 }),
    closes: 1002,
    error: 'WS_ERR_UNEXPECTED_RSV_2_3'
  },
  {
    says: 'a continuation of nothing',
    bytes: wsFrame(CONTINUATION, 'x'),
    closes: 1002,
    error: 'WS_ERR_INVALID_OPCODE'
  },
  {
    says: 'a control frame in fragments',
    bytes: wsFrame(PING, 'x', { fin: false }),
    closes: 1002,
    error: 'WS_ERR_EXPECTED_FIN'
  },
  {
    says: 'a control frame of 126 bytes',
    bytes: wsFrame(PING, 'x'.repeat(126)),
    closes: 1002,
    error: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
  },
  {
    says: 'a Close of one byte',
    bytes: wsFrame(CLOSE, 'x'),
    closes: 1002,
    error: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
  },
  ...[999, 1005, 1006, 1015, 5000].map((code) => ({
    says: `a Close with the code ${code}`, bytes: wsClose(code), closes: 1002, error: 'WS_ERR_INVALID_CLOSE_CODE'
  })),
  {
    says: 'a text that is not UTF-8',
    bytes: wsFrame(TEXT, Buffer.of(0xff, 0xfe)),
    closes: 1007,
    error: 'WS_ERR_INVALID_UTF8'
  },
  {
    says: 'a message larger than maxPayload',
    bytes: wsFrame(BINARY, Buffer.alloc(1001)),
    closes: 1009,
    error: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
  }
]

for (const { says, bytes, closes, error } of peerErrors) {
  await t.test(`${says} is answered with Close ${closes} and END_STREAM, and freed`, async (t) => {
    const opened = await open(t, { plugin: { options: { maxPayload: 1000 } } })
    const { wire, client } = opened
    await openEcho(client, 3)
    client.data(1, bytes)
    await client.untilReset(1)
    await hearEcho(client, 3, 'not me')
    client.data(3, wsClose(1000), true)
    t.strictSame(await ending(opened), [
      ['HEADERS', `Close ${closes}`, 'END_STREAM', 'RST_STREAM NO_ERROR'], [`error ${error}`, `close ${closes}`]
    ])
    t.strictSame(wire.events[1], ['close 1000'])
  })
}

await t.test('a client that ends its side after an error is freed without RST_STREAM', async (t) => {
  const opened = await open(t)
  opened.client.data(1, wsFrame(3))
  await opened.client.untilEnd(1)
  opened.client.data(1, wsClose(1002), true)
  t.strictSame(await ending(opened), [
    ['HEADERS', 'Close 1002', 'END_STREAM'], ['error WS_ERR_INVALID_OPCODE', 'close 1002']
  ])
})

await t.test('a client that ends its side with its error, behind a message, is told the same code as the server', async (t) => {
  const opened = await open(t)
  opened.client.data(1, Buffer.concat([wsText('first'), wsFrame(3)]), true)
  t.strictSame(await ending(opened), [
    ['HEADERS', 'Text first', 'Close 1002', 'END_STREAM'], ['error WS_ERR_INVALID_OPCODE', 'close 1002']
  ])
})

await t.test('a client that takes nothing and resets its stream after an error is not told: 1006', async (t) => {
  const opened = await open(t, {}, NO_WINDOW)
  opened.client.data(1, Buffer.concat([wsText('first'), wsFrame(3)]), true)
  await opened.client.settled()
  opened.client.rst(1, 'NO_ERROR')
  t.strictSame(await ending(opened), [
    ['HEADERS'], ['error WS_ERR_INVALID_OPCODE', 'close 1006']
  ])
})

await t.test('a second head on an open stream is reset with PROTOCOL_ERROR, its sibling is not', async (t) => {
  const { wire, client } = await open(t)
  await openEcho(client, 3)
  client.connect(1, '/echo')
  t.strictSame(await client.untilReset(1), ['HEADERS', 'RST_STREAM PROTOCOL_ERROR'])
  await hearEcho(client, 3)
  t.strictSame(wire.events, [['close 1006'], []])
})

// RST_STREAM of the peer

await t.test('RST_STREAM with any code is one close event with 1006, and only on its stream', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  await openEcho(client, 1)
  let streamId = 1
  for (const code of ERROR_CODES) {
    streamId += 2
    await openEcho(client, streamId)
    client.rst(streamId, code)
    await hearEcho(client, 1, `after ${code}`)
  }
  client.rst(1)
  await ending({ wire, client })
  t.strictSame(wire.events, [...ERROR_CODES, 'CANCEL'].map(() => ['close 1006']))
})

for (const code of ['NO_ERROR', 'CANCEL', 'INTERNAL_ERROR'] as const) {
  await t.test(`RST_STREAM ${code} while 1 MiB waits behind a closed window: one close event, nothing left`, async (t) => {
    const opened = await open(t, {}, NO_WINDOW)
    opened.socket.send(MEGABYTE)
    await opened.client.settled()
    opened.client.rst(1, code)
    t.strictSame(await ending(opened), [['HEADERS'], ['close 1006']])
  })

  await t.test(`a message, a Close and RST_STREAM ${code} in one segment: one close event, nothing left`, async (t) => {
    const opened = await open(t)
    const { wire, client } = opened
    client.together(() => {
      client.data(1, Buffer.concat([wsText('hello'), wsClose(1000)]))
      client.rst(1, code)
    })
    await ending(opened)
    t.equal(wire.events[0]!.length, 1)
    t.match(wire.events[0]![0], /^close (1000|1006)$/)
  })

  await t.test(`RST_STREAM ${code} on a paused socket with unread data: one close event, nothing left`, async (t) => {
    const opened = await open(t)
    const { client, socket } = opened
    socket.pause()
    client.data(1, wsText('unread'))
    await client.settled()
    client.rst(1, code)
    await client.settled()
    t.strictSame((await ending(opened))[1], ['close 1006'])
  })
}

await t.test('RST_STREAM right behind END_STREAM: one close event, nothing left', async (t) => {
  const opened = await open(t)
  opened.client.together(() => {
    opened.client.end(1)
    opened.client.rst(1, 'NO_ERROR')
  })
  t.strictSame((await ending(opened))[1], ['close 1006'])
})

// The connection

const partings: Array<[who: string, goaway: (opened: Opened) => unknown]> = [
  ['the client', ({ client }) => client.goaway()],
  ['the server', ({ client, wire }) => {
    for (const session of wire.sessions) session.close()
    return client.frame(({ type }) => type === 'GOAWAY')
  }]
]

for (const [who, goaway] of partings) {
  await t.test(`GOAWAY of ${who} lets the sockets live, and the connection ends with the last`, async (t) => {
    const opened = await open(t)
    const { wire, client } = opened
    await openEcho(client, 3)
    await goaway(opened)
    await client.settled()
    await hearEcho(client, 1)
    await hearEcho(client, 3)
    for (const streamId of [1, 3]) client.data(streamId, wsClose(1000), true)
    await client.closed
    await wire.ended()
    t.strictSame(wire.events, [['close 1000'], ['close 1000']])
  })
}

await t.test('a session that is destroyed is one close event with 1006 on each of its sockets', async (t) => {
  const { wire, client } = await open(t)
  await openEcho(client, 3)
  const other = await wire.client()
  await openEcho(other, 1)
  const [session] = wire.sessions
  session!.destroy()
  await client.closed
  await hearEcho(other, 1)
  t.strictSame(wire.events, [['close 1006'], ['close 1006'], []])
})

interface Loss {
  says: string
  lose: (client: FrameClient) => void
  skip?: string | false
}

// Node 20 sends GOAWAY, and then forgets to close the session: nobody is told, not even when TCP has gone.
const skip = process.version.startsWith('v20.') && 'Node 20 leaves the session open'

const losses: Loss[] = [
  { says: 'GOAWAY PROTOCOL_ERROR', lose: (client) => client.goaway('PROTOCOL_ERROR') },
  { says: 'the end of the connection', lose: (client) => client.endConnection() },
  { says: 'a reset of the connection', lose: (client) => client.resetConnection() },
  { says: 'DATA on the connection itself', lose: (client) => client.data(0, Buffer.from('lost')), skip },
  { says: 'a PING that is too short', lose: (client) => client.ping(Buffer.alloc(7)), skip },
  { says: 'a window larger than 2^31 - 1', lose: (client) => client.windowUpdate(0, 2 ** 31 - 1), skip }
]

for (const tls of [false, true]) {
  for (const { says, lose, skip = false } of losses) {
    const sentence = `over ${tls ? 'TLS' : 'TCP'} ${says} is one close event with 1006 on each socket`
    await t.test(sentence, { skip }, async (t) => {
      const { wire, client } = await open(t, { tls })
      await openEcho(client, 3)
      await openEcho(client, 5)
      lose(client)
      await wire.ended()
      t.strictSame(wire.events, [['close 1006'], ['close 1006'], ['close 1006']])
      await openEcho(await wire.client(), 1)
    })
  }
}

// app.close()

await t.test('app.close() sends Close 1001 to each socket, then GOAWAY, and ends the connections', async (t) => {
  const { wire, client } = await open(t)
  await openEcho(client, 3)
  const other = await wire.client()
  await openEcho(other, 1)

  const closing = wire.app.close()
  for (const [each, streamId] of [[client, 1], [client, 3], [other, 1]] as const) {
    await each.untilSaid(streamId, 'Close 1001')
    each.data(streamId, wsClose(1001), true)
  }
  await Promise.all([closing, client.closed, other.closed])
  for (const each of [client, other]) {
    t.equal(each.trace(0).at(-1), 'GOAWAY NO_ERROR')
    t.strictSame(each.wsTrace(1).slice(-2), ['Close 1001', 'END_STREAM'])
  }
  await wire.ended()
  t.strictSame(wire.events, [['close 1001'], ['close 1001'], ['close 1001']])
})

await t.test('app.close() drops a peer that never answers with RST_STREAM CANCEL, after closeTimeout', async (t) => {
  const { wire, client } = await open(t, { plugin: { options: { closeTimeout: 300 } } })
  const closing = wire.app.close()
  await Promise.all([closing, client.closed])
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Close 1001', 'RST_STREAM CANCEL'])
  await wire.ended()
  t.strictSame(wire.events, [['close 1006']])
})

await t.test('app.close() ends connections that have no socket', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  await Promise.all([wire.app.close(), client.closed])
  await wire.ended()
  t.equal(client.trace(0).at(-1), 'GOAWAY NO_ERROR')
})

// Handlers that fail

const failures: Array<[says: string, fail: () => void | Promise<void>]> = [
  ['throws', () => { throw new Error('boom') }],
  ['rejects', async () => { throw new Error('boom') }]
]

for (const [says, fail] of failures) {
  await t.test(`a handler that ${says} is Close 1011`, async (t) => {
    const wire = await serve(t, (app: FastifyInstance) => { app.get('/fails', { websocket: true }, fail) })
    const client = await wire.client()
    client.connect(1, '/fails')
    await client.untilSaid(1, 'Close 1011')
    client.data(1, wsClose(1011), true)
    t.strictSame(await ending({ wire, client }), [['HEADERS', 'Close 1011', 'END_STREAM'], ['close 1011']])
  })
}

// Messages

await t.test('a message that is cut anywhere, or everywhere, comes back whole', async (t) => {
  const { client } = await open(t)
  const bytes = wsText('grüße, cut into pieces')
  const said = ['HEADERS']
  for (let cut = 1; cut < bytes.length; cut++) {
    client.data(1, bytes.subarray(0, cut))
    client.data(1, bytes.subarray(cut))
    said.push('Text grüße, cut into pieces')
  }
  for (const byte of bytes) client.data(1, Buffer.of(byte))
  said.push('Text grüße, cut into pieces')
  await client.until(() => client.wsTrace(1).length === said.length || undefined)
  t.strictSame(client.wsTrace(1), said)
})

await t.test('many messages in one DATA frame come back one by one, in order', async (t) => {
  const { client } = await open(t)
  const texts = Array.from({ length: 500 }, (_, index) => `message ${index}`)
  client.data(1, Buffer.concat(texts.map(wsText)))
  await client.untilSaid(1, 'Text message 499')
  t.strictSame(client.wsTrace(1), ['HEADERS', ...texts.map((text) => `Text ${text}`)])
})

await t.test('padding and empty DATA frames are no part of a message', async (t) => {
  const { client } = await open(t)
  const bytes = wsText('padded')
  const parts: Array<[part: Buffer, padding: number]> = [
    [bytes.subarray(0, 3), 255], [Buffer.alloc(0), 255], [bytes.subarray(3), 0]
  ]
  for (const [part, padding] of parts) {
    client.data(1, Buffer.alloc(0))
    client.send('DATA', 1, Buffer.concat([Buffer.of(padding), part, Buffer.alloc(padding)]), PADDED)
  }
  t.strictSame(await client.untilSaid(1, 'Text padded'), ['HEADERS', 'Text padded'])
})

await t.test('a ping is answered with a pong, in the middle of a message too', async (t) => {
  const { client } = await open(t)
  client.data(1, Buffer.concat([
    wsFrame(TEXT, 'one, ', { fin: false }), wsFrame(PING, 'there?'), wsFrame(PONG, 'unasked'), wsFrame(CONTINUATION, 'two')
  ]))
  t.strictSame(await client.untilSaid(1, 'Text one, two'), ['HEADERS', 'Pong there?', 'Text one, two'])
})

await t.test('a message of 1 MiB comes back through the first windows of HTTP/2', async (t) => {
  const { client } = await open(t)
  const bytes = wsFrame(BINARY, MEGABYTE)
  for (let at = 0; at < bytes.length; at += 16384) {
    client.data(1, bytes.subarray(at, at + 16384))
    await client.settled()
  }
  await client.untilSaid(1, `Binary ${MEGABYTE.length}`)
  t.strictSame(client.wsTrace(1), ['HEADERS', `Binary ${MEGABYTE.length}`])
})

// A client that has gone without a word

await t.test('heartbeat resets the stream of a silent socket, and leaves a session that answers', async (t) => {
  const { client, wire } = await open(t, { plugin: { heartbeat: 300 } })
  t.strictSame(await client.untilReset(1), ['HEADERS', 'DATA', 'RST_STREAM CANCEL'])
  t.strictSame(wire.events[0], ['close 1006'])
  client.connect(3, '/echo')
  await client.response(3)
})

await t.test('heartbeat ends a session that has fallen silent too', async (t) => {
  const { client, wire } = await open(t, { plugin: { heartbeat: 300 } })
  client.answersPings = false
  await client.closed
  t.strictSame(client.trace(1), ['HEADERS', 'DATA', 'RST_STREAM CANCEL'])
  await wire.emptied()
})
