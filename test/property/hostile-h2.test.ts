import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { FrameClient, FrameType } from '../helpers/h2-frames.ts'
import { encodeFields } from '../helpers/hpack.ts'
import type { Field } from '../helpers/hpack.ts'
import { CLOSE, readWsFrames } from '../helpers/ws-frames.ts'
import { encodeFrame, frames as wsFrames } from './frames.ts'
import { Target, isCloseCode } from './hostile.ts'
import { holds, until } from './runs.ts'

const RUNS = 150

// Node 20 sends GOAWAY to a client that breaks HTTP/2, and then forgets to close the session: the test does it instead.
const forgets = process.version.startsWith('v20.')

const TYPES: FrameType[] = [
  'DATA', 'HEADERS', 'PRIORITY', 'RST_STREAM', 'SETTINGS', 'PUSH_PROMISE', 'PING', 'GOAWAY', 'WINDOW_UPDATE',
  'CONTINUATION'
]

const target = await Target.start(t)
const { wire } = target

const usual: Field[] = [
  [':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':authority', 'localhost'],
  [':path', '/echo'], ['sec-websocket-version', '13']
]
const name = fc.oneof(
  fc.constantFrom(...usual.map(([name]) => name), ':status', 'connection', 'upgrade', 'te', 'transfer-encoding', 'host',
    'sec-websocket-key', 'sec-websocket-protocol', 'sec-websocket-extensions', 'content-length', 'cookie', 'expect',
    'constructor', '__proto__', 'Upper', ''),
  fc.string({ maxLength: 8 })
)
const value = fc.oneof(
  fc.constantFrom('', '13', '8', 'websocket', 'WebSocket', 'connect-udp', 'GET', 'CONNECT', '/echo', '/none', '/%zz', '*',
    'chat, chat', 'chat, ,', 'dGhlIHNhbXBsZSBub25jZQ==', 'permessage-deflate', 'trailers', '0', '5', 'a\r\nb: c', '\0'),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 10 })
)
/** The usual fields, some of them gone, some changed, some twice, and others among them. */
const fields = fc.record({
  gone: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, fc.array(fc.nat(5), { maxLength: 2 })),
  changed: fc.array(fc.oneof(
    fc.tuple(fc.nat(5), value), fc.tuple(fc.constant(5), fc.constantFrom('8', '12', '13, 13'))
  ), { maxLength: 1 }),
  more: fc.array(fc.tuple(fc.nat(8), name, value), { maxLength: 3 })
}).map(({ gone, changed, more }) => {
  const list = usual.map(([name, usually], index): Field => {
    return [name, changed.find(([at]) => at === index)?.[1] ?? usually]
  }).filter((_field, index) => !gone.includes(index))
  for (const [at, name, value] of more) list.splice(at, 0, [name, value])
  return list
})
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((part) => Buffer.from(part)),
  wsFrames.map((list) => Buffer.concat(list.map(encodeFrame)).subarray(0, 16_000))
)

/** nghttp2 leaves out a field that has a control character in its value, and takes the rest for the request. */
function isTaken ([name, value]: Field): boolean {
  return name.startsWith(':') || Buffer.from(value, 'latin1').every((byte) => byte === 9 || (byte > 31 && byte !== 127))
}

/** Whether fields are an offer that the route takes: RFC 8441 section 5. */
function isOffer (list: Field[]): boolean {
  const taken = list.filter(isTaken)
  const of = (name: string): string[] => taken.filter(([each]) => each === name).map(([, value]) => value)
  return of(':protocol').join().toLowerCase() === 'websocket' && of(':method').join() === 'CONNECT' &&
    of('sec-websocket-version').join() === '13' && of('content-length').length === 0 &&
    /^\/echo([?#;]|$)/.test(of(':path').join())
}

/** Waits until the server has read all that was sent, or says that it reads no more. */
async function read (client: FrameClient): Promise<void> {
  client.ping(Buffer.from('all read'))
  await client.until(() => client.frames.find(({ type, flags, payload }) => {
    return type === 'GOAWAY' || (type === 'PING' && flags === 1 && payload.toString() === 'all read')
  })).catch(() => client.closed)
}

/** Lets a client do what it likes, and then holds the server against what it should be after that. */
async function attack (act: (client: FrameClient) => void, look: (client: FrameClient) => unknown): Promise<void> {
  const { others, wire: { events: { length: opened } } } = target
  const client = await wire.client()
  try {
    act(client)
    await read(client)
    await look(client)
  } finally {
    client.destroy()
  }
  if (forgets && client.frames.some(({ type }) => type === 'GOAWAY')) {
    for (const session of wire.sessions) if (!others.has(session)) session.destroy()
  }
  await until(() => [...wire.sessions].every((session) => others.has(session)), 'the session has gone')
  await target.check(opened, others)
  await target.checkEcho()
}

/** What the server says of a handshake and after it is what it may say. */
async function checkAnswer (client: FrameClient, list: Field[], endStream: boolean): Promise<void> {
  await until(() => client.frames.some(({ streamId, type }) => type === 'GOAWAY' || streamId === 1), 'an answer')
  const said = client.frames.filter(({ streamId }) => streamId === 1)
  const status = Number(said.find(({ type }) => type === 'HEADERS')?.headers?.[':status'] ?? 0)
  assert.ok([0, 200, 400, 404, 405, 414, 431, 500, 501].includes(status), `status ${status}`)
  if (status !== 200) return
  assert.ok(isOffer(list) && !endStream, 'the offer was none')
  const [answers] = readWsFrames(Buffer.concat(said.filter(({ type }) => type === 'DATA').map(({ payload }) => payload)))
  for (const { opcode, payload } of answers) {
    if (opcode === CLOSE && payload.length > 0) assert.ok(isCloseCode(payload.readUInt16BE()))
  }
}

await holds('whatever asks for a socket over HTTP/2 gets one only if it asks as RFC 8441 says, and leaves nothing behind',
  { runs: RUNS },
  fc.record({
    list: fields,
    endStream: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.boolean()),
    parts: fc.array(bytes, { maxLength: 4 })
  }),
  ({ list, endStream, parts }) => attack((client) => {
    client.headers(1, list, endStream)
    if (!endStream) for (const part of parts) client.data(1, part)
  }, (client) => checkAnswer(client, list, endStream)))

const frame = fc.record({
  type: fc.constantFrom(...TYPES),
  flags: fc.oneof(fc.constantFrom(0, 1, 4, 5, 8), fc.nat(255)),
  streamId: fc.oneof({ weight: 3, arbitrary: fc.nat(5) }, fc.nat(2 ** 31 - 1)),
  payload: fc.oneof(bytes, fc.constantFrom(4, 5, 6, 8).chain((size) => {
    return fc.uint8Array({ minLength: size, maxLength: size }).map((part) => Buffer.from(part))
  }), fields.map(encodeFields))
}).map((one) => ({ ...one, payload: readable(one.type, one.payload) }))

/** FrameClient writes down what it sends, and reads the codes of these for that. */
function readable (type: FrameType, payload: Buffer): Buffer {
  const least = type === 'RST_STREAM' ? 4 : type === 'GOAWAY' ? 8 : 0
  return payload.length >= least ? payload : Buffer.concat([payload, Buffer.alloc(least)])
}

await holds('whatever frames of HTTP/2 a client sends, its sockets end once, and the server goes on', { runs: RUNS },
  fc.array(frame, { minLength: 1, maxLength: 20 }),
  (list) => attack((client) => {
    client.connect(1, '/echo')
    for (const { type, flags, streamId, payload } of list) client.send(type, streamId, payload, flags)
  }, () => {}))
