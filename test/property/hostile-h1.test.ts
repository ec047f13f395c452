import assert from 'node:assert/strict'
import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { CLOSE, readWsFrames } from '../helpers/ws-frames.ts'
import { encodeFrame, frames } from './frames.ts'
import { Target, isCloseCode } from './hostile.ts'
import { TcpPeer } from './peers.ts'
import { holds, until } from './runs.ts'

const RUNS = 150
const HEAD_END = '\r\n\r\n'
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

const target = await Target.start(t, { http2: false })
const { wire } = target

const usual = [
  'GET /echo HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`
]
const line = fc.oneof(
  fc.constantFrom('POST /echo HTTP/1.1', 'GET /none HTTP/1.1', 'GET /%zz HTTP/1.1', 'GET /echo HTTP/1.0', 'CONNECT a:1 HTTP/1.1',
    'Connection: close', 'Upgrade: h2c', 'Upgrade: ', 'Sec-WebSocket-Version: 8', 'Sec-WebSocket-Version: 99999',
    'Sec-WebSocket-Key: short', 'Sec-WebSocket-Key: ', 'Sec-WebSocket-Protocol: chat, chat',
    'Sec-WebSocket-Protocol: chat, ,', 'Sec-WebSocket-Extensions: permessage-deflate; x', 'Content-Length: 5',
    'Sec-WebSocket-Extensions: permessage-deflate', 'Transfer-Encoding: chunked', 'Expect: 100-continue', 'Host: '),
  fc.string({ maxLength: 20 }),
  fc.tuple(fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 12 })).map((parts) => parts.join(': '))
)
/** The usual lines, some of them gone or changed, and others among them. */
const lines = fc.record({
  gone: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, fc.array(fc.nat(5), { maxLength: 2 })),
  changed: fc.array(fc.tuple(fc.nat(5), line), { maxLength: 1 }),
  more: fc.array(fc.tuple(fc.nat(7), line), { maxLength: 2 })
}).map(({ gone, changed, more }) => {
  const list = usual.map((usually, index) => changed.find(([at]) => at === index)?.[1] ?? usually)
    .filter((_line, index) => !gone.includes(index))
  for (const [at, each] of more) list.splice(at, 0, each)
  return list
})
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((part) => Buffer.from(part)),
  frames.map((list) => Buffer.concat(list.map(encodeFrame)))
)

/**
 * Whether there is, somewhere in the lines, what RFC 6455 section 4.2.1 asks for. As for the version of HTTP, ws takes
 * 1.0 as well, though RFC 9110 section 7.8 has an Upgrade ignored there.
 */
function canBeOffer (list: string[]): boolean {
  const text = list.join('\r\n').toLowerCase()
  return /^get \/echo http\/1\.[01]$/m.test(text) && /^upgrade: *websocket/m.test(text) &&
    /^sec-websocket-version: *(13|8)\b/m.test(text) && list.some((each) => each.endsWith(KEY))
}

/** Sends all, ends its side, and returns all that came back before the connection ended. */
async function hear (sent: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = []
  const socket = connect({ port: wire.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  socket.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  const closed = new Promise((resolve) => { socket.once('close', resolve) })
  socket.end(sent)
  await closed
  return Buffer.concat(chunks)
}

function checkAnswer (answer: Buffer, list: string[]): void {
  if (answer.length === 0) return
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer.toString('latin1'))?.[1])
  assert.ok([100, 101, 400, 404, 405, 408, 414, 417, 426, 431, 500, 501, 505].includes(status), `status ${status}`)
  if (status !== 101) return
  assert.ok(canBeOffer(list), 'the offer was none')
  const [answers] = readWsFrames(answer.subarray(answer.indexOf(HEAD_END) + HEAD_END.length))
  for (const { opcode, payload } of answers) {
    if (opcode === CLOSE && payload.length > 0) assert.ok(isCloseCode(payload.readUInt16BE()))
  }
}

const text = Buffer.from('8183000000006f6e65', 'hex')
const echoed = Buffer.from('81036f6e65', 'hex')

async function checkEcho (): Promise<void> {
  const peer = new TcpPeer(wire.port, new Map())
  await peer.open('/echo', text)
  await until(() => peer.bytes.equals(echoed), 'the echo')
  peer.breakOff()
  const socket = wire.sockets.at(-1)!
  await until(() => socket.readyState === socket.CLOSED, 'the socket has gone')
}

await holds('whatever asks for a socket over HTTP/1.1 gets one only if it asks as RFC 6455 says, and leaves nothing behind',
  { runs: RUNS }, fc.record({ list: lines, rest: bytes }),
  async ({ list, rest }) => {
    const opened = wire.events.length
    checkAnswer(await hear(Buffer.concat([Buffer.from(list.join('\r\n') + HEAD_END), rest])), list)
    await target.check(opened)
    await checkEcho()
  })

await holds('bytes that are no HTTP leave nothing behind', { runs: RUNS }, fc.array(bytes), async (parts) => {
  const opened = wire.events.length
  await hear(Buffer.concat(parts))
  assert.equal(wire.events.length, opened)
  await target.check(opened)
  await checkEcho()
})
