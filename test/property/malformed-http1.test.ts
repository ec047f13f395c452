import assert from 'node:assert/strict'
import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { HEADERS_END, KEY, upgradeLines } from '../helpers/upgrade-request.ts'
import { CLOSE, TEXT, readWsFrames, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { encodeFrame, frames } from './frame-arbitraries.ts'
import { TcpPeer } from './peers.ts'
import { testProperty, waitUntil } from './property.ts'
import { ServerUnderAttack, isCloseCode } from './server-under-attack.ts'

const RUNS = 150

const attacked = await ServerUnderAttack.start(t, { http2: false })
const { server } = attacked

const valid = upgradeLines('/echo')
const line = fc.oneof(
  fc.constantFrom('POST /echo HTTP/1.1', 'GET /none HTTP/1.1', 'GET /%zz HTTP/1.1', 'GET /echo HTTP/1.0', 'CONNECT a:1 HTTP/1.1',
    'Connection: close', 'Upgrade: h2c', 'Upgrade: ', 'Sec-WebSocket-Version: 8', 'Sec-WebSocket-Version: 99999',
    'Sec-WebSocket-Key: short', 'Sec-WebSocket-Key: ', 'Sec-WebSocket-Protocol: chat, chat',
    'Sec-WebSocket-Protocol: chat, ,', 'Sec-WebSocket-Extensions: permessage-deflate; x', 'Content-Length: 5',
    'Sec-WebSocket-Extensions: permessage-deflate', 'Transfer-Encoding: chunked', 'Expect: 100-continue', 'Host: '),
  fc.string({ maxLength: 20 }),
  fc.tuple(fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 12 })).map((parts) => parts.join(': '))
)
/** The lines of a valid request, some of which are missing or changed, and additional lines. */
const lines = fc.record({
  missing: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, fc.array(fc.nat(5), { maxLength: 2 })),
  changed: fc.array(fc.tuple(fc.nat(5), line), { maxLength: 1 }),
  added: fc.array(fc.tuple(fc.nat(7), line), { maxLength: 2 })
}).map(({ missing, changed, added }) => {
  const list = valid.map((original, index) => changed.find(([at]) => at === index)?.[1] ?? original)
    .filter((_line, index) => !missing.includes(index))
  for (const [at, each] of added) list.splice(at, 0, each)
  return list
})
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((part) => Buffer.from(part)),
  frames.map((list) => Buffer.concat(list.map(encodeFrame)))
)

/**
 * Whether the lines contain everything that RFC 6455 section 4.2.1 requires. ws also accepts HTTP/1.0, where Upgrade
 * must be ignored (RFC 9110 section 7.8).
 */
function mayBeValid (list: string[]): boolean {
  const text = list.join('\r\n').toLowerCase()
  return /^get \/echo http\/1\.[01]$/m.test(text) && /^upgrade: *websocket/m.test(text) &&
    /^sec-websocket-version: *(13|8)\b/m.test(text) && list.some((each) => each.endsWith(KEY))
}

/** Sends bytes, ends the client's side, and returns the bytes that the server has sent before the connection ended. */
async function exchange (sent: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = []
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  socket.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  const closed = new Promise((resolve) => { socket.once('close', resolve) })
  socket.end(sent)
  await closed
  return Buffer.concat(chunks)
}

function checkResponse (response: Buffer, list: string[]): void {
  if (response.length === 0) return
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(response.toString('latin1'))?.[1])
  assert.ok([100, 101, 400, 404, 405, 408, 414, 417, 426, 431, 500, 501, 505].includes(status), `status ${status}`)
  if (status !== 101) return
  assert.ok(mayBeValid(list), 'the request was not valid')
  const [received] = readWsFrames(response.subarray(response.indexOf(HEADERS_END) + HEADERS_END.length))
  for (const { opcode, payload } of received) {
    if (opcode === CLOSE && payload.length > 0) assert.ok(isCloseCode(payload.readUInt16BE()))
  }
}

const text = wsText('one')
const echoed = wsFrame(TEXT, 'one', { masked: false })

async function checkEcho (): Promise<void> {
  const peer = new TcpPeer(server.port, new Map())
  await peer.open('/echo', text)
  await waitUntil(() => peer.bytes.equals(echoed), 'the echo')
  peer.abort()
  const socket = server.sockets.at(-1)!
  await waitUntil(() => socket.readyState === socket.CLOSED, 'the socket is closed')
}

await testProperty('over HTTP/1.1 a socket opens only for a request that conforms to RFC 6455, and every socket is closed',
  { runs: RUNS }, fc.record({ list: lines, rest: bytes }),
  async ({ list, rest }) => {
    const opened = server.events.length
    checkResponse(await exchange(Buffer.concat([Buffer.from(list.join('\r\n') + HEADERS_END), rest])), list)
    await attacked.check(opened)
    await checkEcho()
  })

await testProperty('bytes that are not HTTP open no socket', { runs: RUNS }, fc.array(bytes), async (parts) => {
  const opened = server.events.length
  await exchange(Buffer.concat(parts))
  assert.equal(server.events.length, opened)
  await attacked.check(opened)
  await checkEcho()
})
