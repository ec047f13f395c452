import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { FST_WS_INVALID_RESPONSE } from '../../lib/errors.ts'
import type { UpgradeHandler } from '../../types/index.ts'
import { dataOf, startGateway, untilData } from '../helpers/gateway.ts'
import type { Gateway, StartGatewayOptions } from '../helpers/gateway.ts'
import { DEFAULT_WINDOW, NO_WINDOW } from '../helpers/h2-frames.ts'
import type { FrameClient, Overrides } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { KEY } from '../helpers/upgrade-request.ts'
import { waitTurns, waitUntil } from '../helpers/waiting.ts'
import { wsClose, wsText } from '../helpers/ws-frames.ts'

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
const ACCEPT = `${SWITCHING}\r\n`

/** RFC 9113 section 8.1: RST_STREAM NO_ERROR after a complete response asks the client to stop sending its request. */
const REFUSED = ['HEADERS END_STREAM', 'RST_STREAM NO_ERROR']

interface Opened {
  gateway: Gateway
  client: FrameClient
}

/** Opens stream 1 of a gateway with this handler. */
async function open (
  t: Test, handler: UpgradeHandler, options: StartGatewayOptions = {}, overrides: Overrides = {}
): Promise<Opened> {
  const gateway = await startGateway(t, handler, options)
  const client = await gateway.client()
  client.connect(1, '/path', overrides)
  return { gateway, client }
}

/** Answers `/sibling` with 403, and passes any other upgrade to a handler. */
function besideSibling (handler: UpgradeHandler): UpgradeHandler {
  return (request, socket, head) => {
    if (request.url !== '/sibling') return handler(request, socket, head)
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    return undefined
  }
}

async function checkSibling (t: Test, client: FrameClient, streamId = 3): Promise<void> {
  client.connect(streamId, '/sibling')
  t.match(await client.response(streamId), { ':status': '403' })
}

// Responses

interface Case {
  title: string
  write: (socket: Duplex) => unknown
  status: string
  trace?: string[]
  headers?: Record<string, string | string[]>
  /** Whether `onError` is called with FST_WS_INVALID_RESPONSE. */
  isInvalid?: boolean
}

const LARGE_FIELD = `x-large: ${'l'.repeat(1400)}\r\n`

function corked (...parts: string[]): (socket: Duplex) => void {
  return (socket) => {
    socket.cork()
    for (const part of parts) socket.write(part)
    socket.end()
  }
}

const refusals: Case[] = [
  {
    title: 'end(head)',
    write: (socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nX-A: b\r\n\r\n'),
    status: '401',
    headers: { 'x-a': 'b' }
  },
  {
    title: 'write(head) without an end',
    write: (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    status: '400'
  },
  {
    title: 'a head with a body',
    write: (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody'),
    status: '400',
    headers: {}
  },
  {
    title: 'end(head) of more than 1365 bytes',
    write: (socket) => socket.end(`HTTP/1.1 400 Bad Request\r\n${LARGE_FIELD}\r\nbody`),
    status: '400'
  },
  { title: 'a corked head and body', write: corked('HTTP/1.1 404 Not Found\r\n\r\n', 'body', 'more'), status: '404' },
  {
    title: 'a large corked head and body',
    write: corked(`HTTP/1.1 404 Not Found\r\n${LARGE_FIELD}`, '\r\nbody', 'more'),
    status: '404'
  },
  {
    title: 'a head in single bytes',
    write: (socket) => { for (const character of 'HTTP/1.1 403 Forbidden\r\nx-a: b\r\n\r\n') socket.write(character) },
    status: '403',
    headers: { 'x-a': 'b' }
  },
  {
    title: 'a head behind interim responses',
    write: (socket) => socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 429 No\r\n\r\n'),
    status: '429',
    headers: {}
  },
  {
    title: 'a head with LF as its line end',
    write: (socket) => socket.end('HTTP/1.0 403 Forbidden\nx-a: b\n\n'),
    status: '403',
    headers: { 'x-a': 'b' }
  },
  { title: 'a head without a reason', write: (socket) => socket.end('HTTP/1.1 403\r\n\r\n'), status: '403' },
  {
    title: 'a head in hexadecimal',
    write: (socket) => socket.end(Buffer.from('HTTP/1.1 403 No\r\n\r\n').toString('hex'), 'hex'),
    status: '403'
  },
  {
    title: 'a head as Uint8Array',
    write: (socket) => socket.end(new Uint8Array(Buffer.from('HTTP/1.1 403 No\r\n\r\n'))),
    status: '403'
  },
  {
    title: 'a value in Latin-1',
    write: (socket) => socket.end('HTTP/1.1 403 No\r\nx-a: caf\xe9\r\n\r\n', 'latin1'),
    status: '403',
    headers: { 'x-a': 'caf\xe9' }
  },
  {
    title: 'a value in UTF-8',
    write: (socket) => socket.end('HTTP/1.1 403 No\r\nx-a: é\r\n\r\n'),
    status: '403',
    headers: { 'x-a': '\xc3\xa9' }
  },
  {
    title: 'several values of a field',
    write: (socket) => socket.end('HTTP/1.1 403 No\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\netag: "1"\r\netag: "2"\r\n\r\n'),
    status: '403',
    headers: { 'set-cookie': ['a=1', 'b=2'], etag: '"1", "2"' }
  },
  { title: 'a redirect', write: (socket) => socket.end('HTTP/1.1 304 Not Modified\r\n\r\n'), status: '304' },
  {
    title: 'status 200, which would open the socket,',
    write: (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nbody'),
    status: '502',
    isInvalid: true
  },
  { title: 'status 204', write: (socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'), status: '502', isInvalid: true },
  { title: 'status 999', write: (socket) => socket.end('HTTP/1.1 999 Denied\r\n\r\n'), status: '502', isInvalid: true },
  { title: 'an end without a response', write: (socket) => socket.end(), status: '502' },
  { title: 'an end within the head', write: (socket) => socket.end('HTTP/1.1 101 Switching'), status: '502' },
  {
    title: 'an interim response alone',
    write: (socket) => socket.end('HTTP/1.1 100 Continue\r\n\r\n'),
    status: '502'
  },
  { title: 'destroySoon() without a response', write: (socket) => (socket as Socket).destroySoon(), status: '502' },
  ...Object.entries({
    'another protocol': '\x81\x02hi',
    'HTTP/2 in the status line': 'HTTP/2 200\r\n\r\n',
    'status 000': 'HTTP/1.1 000 X\r\n\r\n',
    'a folded field': 'HTTP/1.1 101 X\r\na: b\r\n c\r\n\r\n',
    'a pseudo-header': 'HTTP/1.1 400 X\r\n:status: 200\r\n\r\n',
    'an invalid name': 'HTTP/1.1 101 X\r\na b: c\r\n\r\n',
    'a NUL byte': 'HTTP/1.1 101 X\r\na: \0\r\n\r\n',
    'a head of 32 KiB': `HTTP/1.1 101 X\r\na: ${'a'.repeat(32 * 1024)}\r\n\r\n`,
    '2001 fields': `HTTP/1.1 101 X\r\n${'a:\r\n'.repeat(2001)}\r\n`
  }).map(([title, text]): Case => ({ title, write: (socket) => socket.write(text, 'latin1'), status: '502', isInvalid: true }))
]

for (const { title, write, status, headers, isInvalid = false, trace = REFUSED } of refusals) {
  await t.test(`${title} is sent as ${status}, in one HEADERS frame with END_STREAM`, async (t) => {
    const { gateway, client } = await open(t, besideSibling((_request, socket) => { write(socket) }))
    t.strictSame(await client.untilReset(1), trace)
    const { date, ':status': sent, ...fields } = await client.response(1)
    t.equal(sent, status)
    t.ok(date)
    if (headers !== undefined) t.strictSame(fields, headers)
    t.equal(gateway.errors.length, isInvalid ? 1 : 0)
    if (isInvalid) t.ok(gateway.errors[0] instanceof FST_WS_INVALID_RESPONSE)
    await gateway.streamsClosed()
    await checkSibling(t, client)
  })
}

await t.test('the largest response that is accepted does not end the session', async (t) => {
  const line = 'x: \r\n'
  const fields = line.repeat(1999)
  const head = `HTTP/1.1 101 X\r\n${fields}y:`
  const { client } = await open(t, besideSibling((_request, socket) => {
    socket.write(`${head}${'~'.repeat(32 * 1024 - 4 - head.length)}\r\n\r\n`)
  }))
  t.match(await client.response(1), { ':status': '200' })
  await checkSibling(t, client)
  t.notOk(client.trace(0).some((frame) => frame.startsWith('GOAWAY')))
})

const acceptances: Case[] = [
  {
    title: 'a 101 and the data behind it in one write',
    write: (socket) => socket.write(`${ACCEPT}data`),
    status: '200',
    trace: ['HEADERS', 'DATA']
  },
  {
    title: 'end(101 and data)',
    write: (socket) => socket.end(`${ACCEPT}data`),
    status: '200',
    trace: ['HEADERS', 'DATA END_STREAM']
  },
  {
    title: 'a 101 and data that are corked',
    write: corked(ACCEPT, 'da', 'ta'),
    status: '200',
    trace: ['HEADERS', 'DATA END_STREAM']
  },
  {
    title: 'a 101 behind an interim response',
    write: (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${ACCEPT}data`),
    status: '200',
    trace: ['HEADERS', 'DATA']
  },
  {
    title: 'a 101 without an Upgrade field',
    write: (socket) => socket.write('HTTP/1.1 101 X\n\ndata'),
    status: '200',
    trace: ['HEADERS', 'DATA']
  },
]

for (const { title, write, trace } of acceptances) {
  await t.test(`${title} open the socket with 200, and send DATA`, async (t) => {
    const { gateway, client } = await open(t, (_request, socket) => { write(socket) })
    t.equal(String(await untilData(client, 1, 4)), 'data')
    await client.roundTrip()
    t.strictSame(client.trace(1).filter((frame) => !frame.startsWith('RST')), trace)
    const { date, ...headers } = await client.response(1)
    t.ok(date)
    t.strictSame(headers, { ':status': '200' })
    t.strictSame(gateway.errors, [])
  })
}

for (const [title, overrides, expected] of [
  ['a client with a Sec-WebSocket-Key receives Sec-WebSocket-Accept', { 'sec-websocket-key': KEY }, { 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }],
  ['a client without a Sec-WebSocket-Key receives no Sec-WebSocket-Accept', {}, {}]
] as const) {
  await t.test(title, async (t) => {
    const head = `${SWITCHING}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`
    const { client } = await open(t, (_request, socket) => { socket.write(head) }, {}, overrides)
    const { date, ...headers } = await client.response(1)
    t.strictSame(headers, { ':status': '200', 'sec-websocket-extensions': 'permessage-deflate', ...expected })
  })
}

await t.test('the response of a ServerResponse that is assigned to the socket is sent, and the stream ends', async (t) => {
  const { gateway, client } = await open(t, (request, socket) => {
    const response = new ServerResponse(request)
    response.assignSocket(socket as Socket)
    response.writeHead(404, { 'x-a': 'b' }).end('body')
  })
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '404', 'x-a': 'b' })
  await gateway.streamsClosed()
})

await t.test('ws serves the stream: messages, the closing handshake, and compression', async (t) => {
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
  const { gateway, client } = await open(t, (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (websocket) => {
      websocket.on('message', (data, isBinary) => websocket.send(data, { binary: isBinary, compress: false }))
    })
  }, {}, { 'sec-websocket-extensions': 'permessage-deflate' })
  t.match(await client.response(1), { ':status': '200', 'sec-websocket-extensions': 'permessage-deflate' })
  client.data(1, wsText('hello'))
  await client.untilReceived(1, 'Text hello')
  client.data(1, wsClose(1000), true)
  await client.untilEnd(1)
  t.equal(client.trace(1).at(-1), 'DATA END_STREAM')
  await gateway.streamsClosed()
})

// Errors of the handler, and its delays

for (const [title, fail] of Object.entries({
  throws: () => { throw new Error('boom') },
  rejects: async () => { throw new Error('boom') },
  'throws after it has corked a 101': (_request: IncomingMessage, socket: Duplex) => {
    socket.cork()
    socket.write(`${ACCEPT}data`)
    throw new Error('boom')
  }
})) {
  await t.test(`a handler that ${title} is answered with 500`, async (t) => {
    const { gateway, client } = await open(t, besideSibling(fail as UpgradeHandler))
    t.strictSame(await client.untilReset(1), REFUSED)
    t.match(await client.response(1), { ':status': '500' })
    t.strictSame(gateway.errors.map(({ message }) => message), ['boom'])
    await gateway.streamsClosed()
    await checkSibling(t, client)
  })
}

await t.test('a handler that throws after its 101 resets the stream with CANCEL', async (t) => {
  const { gateway, client } = await open(t, (_request, socket) => {
    socket.write(ACCEPT)
    throw new Error('boom')
  })
  t.strictSame(await client.untilReset(1), ['HEADERS', 'RST_STREAM CANCEL'])
  t.equal(gateway.errors.length, 1)
})

await t.test('a handler whose onError throws has answered before', async (t) => {
  const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  const { client } = await open(t, () => { throw new Error('boom') }, {
    options: { onError: (error) => { process.nextTick(() => { throw error }) } }
  })
  t.match(await client.response(1), { ':status': '500' })
  t.match(await uncaught, { message: 'boom' })
})

for (const method of ['destroy', 'resetAndDestroy'] as const) {
  await t.test(`${method}() without a response resets the stream with CANCEL`, async (t) => {
    const { gateway, client } = await open(t, (_request, socket) => { (socket as Socket)[method]() })
    t.strictSame(await client.untilReset(1), ['RST_STREAM CANCEL'])
    await gateway.streamsClosed()
    t.strictSame(gateway.errors, [])
  })
}

for (const isCorked of [false, true]) {
  await t.test(`a handler that is late${isCorked ? ', with a 101 that is still corked,' : ''} is answered with 503, and what it writes is discarded`, async (t) => {
    let late!: Duplex
    const { gateway, client } = await open(t, besideSibling((_request, socket) => {
      late = socket
      if (isCorked) late.cork()
      if (isCorked) late.write(`${ACCEPT}data`)
    }), { options: { handshakeTimeout: 20 } })
    t.match(await client.response(1), { ':status': '503' })
    const callback = new Promise((resolve) => late.write(ACCEPT, resolve))
    late.write('data')
    late.end('end')
    t.equal(await callback, undefined)
    t.strictSame(await client.untilReset(1), REFUSED)
    await gateway.streamsClosed()
    late.write('later')
    await waitTurns(2)
    await checkSibling(t, client)
    t.strictSame(gateway.errors, [])
  })
}

await t.test('with handshakeTimeout 0 a stream waits until its client leaves', async (t) => {
  const { gateway, client } = await open(t, () => {}, { options: { handshakeTimeout: 0 } })
  await waitUntil(() => gateway.streams.size === 1)
  await client.roundTrip()
  t.strictSame(client.trace(1), [])
  client.rst(1)
  await gateway.streamsClosed()
})

// The peer leaves

for (const node27 of [false, true]) {
  const suffix = node27 ? ', if Node reports it as an error' : ''

  await t.test(`a reset before the response frees the stream, and a late response is discarded${suffix}`, async (t) => {
    let late!: Duplex
    const { gateway, client } = await open(t, besideSibling((_request, socket) => { late = socket }), { node27 })
    await waitUntil(() => late !== undefined)
    client.rst(1)
    await gateway.streamsClosed()
    late.write(ACCEPT)
    late.end('data')
    await waitTurns(2)
    await checkSibling(t, client)
    t.strictSame(client.trace(1), [])
    t.strictSame(gateway.errors, [])
  })

  await t.test(`a reset in the segment of the CONNECT frees the stream${suffix}`, async (t) => {
    const answerLater: UpgradeHandler = (_request, socket) => { setImmediate(() => socket.write(ACCEPT)) }
    const gateway = await startGateway(t, besideSibling(answerLater), { node27 })
    const client = await gateway.client()
    client.batch(() => {
      client.connect(1, '/path')
      client.rst(1)
    })
    await client.roundTrip()
    await checkSibling(t, client)
    client.rst(3)
    await gateway.streamsClosed()
    t.strictSame(gateway.errors, [])
  })

  await t.test(`a reset after the response ends the socket${suffix}`, async (t) => {
    let socket!: Duplex
    const { gateway, client } = await open(t, (_request, each) => {
      socket = each
      socket.write(`${ACCEPT}data`)
    }, { node27 })
    await untilData(client, 1, 4)
    client.rst(1)
    await gateway.streamsClosed()
    t.equal(socket.destroyed, true)
    t.strictSame(gateway.errors, [])
  })

  await t.test(`a lost connection before the response closes the stream${suffix}`, async (t) => {
    let late!: Duplex
    const { gateway, client } = await open(t, (_request, socket) => { late = socket }, { node27 })
    await waitUntil(() => late !== undefined)
    client.resetConnection()
    await gateway.streamsClosed()
    late.end(ACCEPT)
    await waitTurns(2)
    t.strictSame(gateway.errors, [])
  })
}

await t.test('END_STREAM of the peer is \'end\', and the handler may still answer and send', async (t) => {
  const { client, gateway } = await open(t, (_request, socket) => {
    socket.resume().on('end', () => { socket.end(`${ACCEPT}data`) })
  })
  client.end(1)
  await client.untilEnd(1)
  t.equal(String(dataOf(client, 1)), 'data')
  await gateway.streamsClosed()
})

await t.test('a stream that its peer has ended receives 502 if the handler ends without a response', async (t) => {
  const { client, gateway } = await open(t, (_request, socket) => { socket.resume().on('end', () => socket.end()) })
  client.end(1)
  t.strictSame(await client.untilEnd(1), ['HEADERS END_STREAM'])
  t.match(await client.response(1), { ':status': '502' })
  await gateway.streamsClosed()
})

// Flow control

await t.test('a peer that opens no window holds up its own stream only, and what is written stays counted', async (t) => {
  const sockets: Duplex[] = []
  const gateway = await startGateway(t, besideSibling((_request, socket) => {
    sockets.push(socket)
    socket.write(ACCEPT)
    t.equal(socket.write(Buffer.alloc(MIB, 'a')), false)
  }))
  const client = await gateway.client(NO_WINDOW)
  client.connect(1, '/path')
  t.match(await client.response(1), { ':status': '200' })
  await checkSibling(t, client)
  t.equal(sockets[0]!.writableLength, MIB)
  t.ok((sockets[0] as Socket).bytesWritten >= MIB)
  t.equal(dataOf(client, 1).length, 0)
  client.windowUpdate(1, MIB)
  client.windowUpdate(0, MIB)
  await untilData(client, 1, MIB)
  await waitUntil(() => sockets[0]!.writableLength === 0)
})

await t.test('a handler that does not read returns no window of its stream, and that of the connection', async (t) => {
  const { client } = await open(t, besideSibling((_request, socket) => { socket.write(ACCEPT) }))
  await client.response(1)
  for (let sent = 0; sent < DEFAULT_WINDOW - 16_000; sent += 16_000) client.data(1, Buffer.alloc(16_000))
  await client.roundTrip()
  t.equal(client.increments(1), 0)
  t.ok(client.increments(0) > 0)
  await checkSibling(t, client)
})
