import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { startGateway } from '../helpers/gateway.ts'
import type { Gateway } from '../helpers/gateway.ts'
import { endsStream } from '../helpers/h2-frames.ts'
import type { Frame, FrameClient } from '../helpers/h2-frames.ts'
import { testProperty, waitUntil } from './property.ts'
import { SharedSession } from './shared-session.ts'

const RUNS = 200
/** Time limit of responses, in ms, that some handlers exceed, and one that none exceeds. */
const [SHORT, LONG] = [20, 30_000]

type Action = Buffer | 'turn' | 'cork' | 'uncork' | 'end' | 'destroy' | 'destroySoon' | 'resetAndDestroy' | 'throw'

interface Upgrade {
  actions: Action[]
  peer: 'stays' | 'resets' | 'ends'
}

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019!#$%&\'*+-.^_`|~'), minLength: 1, maxLength: 6 })
const name = fc.oneof(token, fc.constantFrom(
  'etag', 'Location', 'Set-Cookie', 'date', 'te', 'Connection', 'Content-Length', 'content-type', 'Transfer-Encoding',
  'Upgrade', 'Sec-WebSocket-Accept', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions', 'constructor', '__proto__',
  'age', 'http2-settings', 'trailer'
))
const value = fc.string({ unit: fc.constantFrom(...'ab:;, "=\t\xe9\xa0\xff\x80\x7e'), maxLength: 12 })
const line = fc.tuple(name, value).map((parts) => parts.join(': '))
const malformedLine = fc.constantFrom(
  ':status: 200', ' folded', 'a b: c', 'no colon', 'a: \0', 'a: \x7f', 'a: b\rc', '\x80: a', ': a', 'a : b'
)
const status = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(101, 200, 204, 304, 400, 503) },
  fc.integer({ min: 0, max: 999 })
)
const version = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('HTTP/1.1', 'HTTP/1.0') }, fc.constantFrom('HTTP/2', 'http/1.1', '', 'HTTP/1.1.1')
)
const lineEnd = fc.oneof({ weight: 5, arbitrary: fc.constant('\r\n') }, fc.constant('\n'))

function join (lines: string[], end: string): Buffer {
  return Buffer.from([...lines, '', ''].join(end), 'latin1')
}

const interim = fc.constantFrom('HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early Hints\r\nlink: </a>')
  .map((text) => join([text], '\r\n'))
const validHead = fc.record({ status: fc.constant(101), lines: fc.array(line, { maxLength: 4 }), end: lineEnd })
  .map(({ lines, end }) => join(['HTTP/1.1 101 Switching Protocols', ...lines], end))
const anyHead = fc.record({
  version,
  status,
  reason: fc.constantFrom('', ' ', ' OK', ' caf\xe9', ' \0'),
  lines: fc.array(fc.oneof({ weight: 12, arbitrary: line }, { weight: 1, arbitrary: malformedLine }), { maxLength: 5 }),
  padding: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(1400, 40_000)),
  end: lineEnd
}).map(({ version, status, reason, lines, padding, end }) => {
  return join([`${version} ${status}${reason}`, ...lines, ...(padding > 0 ? [`pad: ${'p'.repeat(padding)}`] : [])], end)
})
const bytes = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array))
const message = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.array(interim, { maxLength: 2 }), anyHead, bytes).map((parts) => Buffer.concat(parts.flat()))
  },
  { weight: 1, arbitrary: bytes }
)
const control = fc.constantFrom<Action[]>(
  'turn', 'turn', 'cork', 'uncork', 'end', 'destroy', 'destroySoon', 'resetAndDestroy', 'throw'
)

/** Cuts bytes into pieces at the given places. */
function cut (whole: Buffer, places: number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (whole.length + 1)))].sort((one, other) => one - other)
  return [...ends, whole.length].map((end, index) => whole.subarray(ends[index - 1] ?? 0, end))
}

const pieces = fc.tuple(message, fc.array(fc.nat(), { maxLength: 6 })).map(([whole, places]) => cut(whole, places))
const upgrades: fc.Arbitrary<Upgrade> = fc.record({
  actions: fc.tuple(pieces, fc.array(fc.tuple(fc.nat(10), control), { maxLength: 4 })).map(([written, controls]) => {
    const actions: Action[] = [...written]
    for (const [at, each] of controls) actions.splice(at, 0, each)
    return actions
  }),
  peer: fc.constantFrom<Array<Upgrade['peer']>>('stays', 'stays', 'stays', 'resets', 'ends')
})

let current: Upgrade['actions'] = []
let hasActed = false

async function act (_request: IncomingMessage, socket: Duplex): Promise<void> {
  hasActed = false
  try {
    for (const action of current) {
      if (action === 'turn') await nextTurn()
      else if (action === 'throw') throw new Error('of the handler')
      else if (Buffer.isBuffer(action)) socket.write(action)
      else (socket as Socket)[action]()
    }
  } finally {
    hasActed = true
  }
}

interface Host {
  gateway: Gateway
  shared: SharedSession
}

async function start (handshakeTimeout: number): Promise<Host> {
  const gateway = await startGateway(t, (request, socket) => {
    if (request.url === '/fuzz') return act(request, socket) as unknown as void
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    return undefined
  }, { options: { handshakeTimeout, onError () {} } })
  return { gateway, shared: new SharedSession(() => gateway.client()) }
}

const [hasty, patient] = [await start(SHORT), await start(LONG)]

/** Opens a stream, and waits until the server has closed it. Returns its frames. */
async function run (
  host: Host, { actions, peer }: Upgrade, untilDone: (client: FrameClient, streamId: number) => Promise<unknown>
): Promise<Frame[]> {
  const { gateway, shared } = host
  const client = await shared.client()
  const streamId = shared.nextStreamId()
  current = actions
  hasActed = false
  client.connect(streamId, '/fuzz')
  if (peer === 'resets') client.rst(streamId)
  if (peer === 'ends') client.end(streamId)
  await untilDone(client, streamId)
  client.rst(streamId)
  await client.roundTrip()
  await gateway.streamsClosed()
  await checkSibling(host, client)
  return client.frames.filter((frame) => frame.streamId === streamId && frame.type !== 'WINDOW_UPDATE')
}

async function checkSibling ({ gateway, shared }: Host, client: FrameClient): Promise<void> {
  const streamId = shared.nextStreamId()
  client.connect(streamId, '/sibling')
  assert.equal((await client.response(streamId))[':status'], '403')
  client.rst(streamId)
  assert.ok(!client.frames.some(({ type }) => type === 'GOAWAY'), 'no connection error')
  await gateway.streamsClosed()
}

/** Checks the order of the frames of a stream, and its response head (RFC 9113 section 8.1). */
function checkFrames (frames: Frame[]): void {
  const types = frames.map(({ type }) => type)
  assert.ok(types.filter((type) => type === 'HEADERS').length <= 1, 'one response')
  assert.ok(types.filter((type) => type === 'RST_STREAM').length <= 1, 'one reset')
  if (types.includes('HEADERS')) assert.equal(types[0], 'HEADERS')
  else assert.ok(!types.includes('DATA'), 'no DATA without a response')
  const end = frames.findIndex(endsStream)
  assert.ok(end === -1 || !types.slice(end + 1).includes('DATA'), 'no DATA after END_STREAM')
  const reset = types.indexOf('RST_STREAM')
  assert.ok(reset === -1 || reset === types.length - 1, 'nothing after RST_STREAM')

  const { headers } = frames.find(({ type }) => type === 'HEADERS') ?? {}
  if (headers === undefined) return
  assert.match(String(headers[':status']), /^(200|[345]\d\d)$/)
  if (headers[':status'] !== '200') assert.ok(endsStream(frames[0]!), 'a refusal has no body')
  for (const [field, text] of Object.entries(headers)) {
    assert.match(field, /^(:status|[!#$%&'*+.^_`|~0-9a-z-]+)$/)
    assert.ok(!['connection', 'upgrade', 'transfer-encoding', 'keep-alive', 'te'].includes(field), field)
    // eslint-disable-next-line no-control-regex -- what a field value must not have
    for (const each of [text].flat()) assert.doesNotMatch(String(each), /[\0-\x08\x0a-\x1f\x7f]/)
  }
}

await testProperty('whatever a handler writes to an upgrade over HTTP/2, the peer receives a well-formed response or a reset', { runs: RUNS },
  upgrades, async (upgrade) => {
    checkFrames(await run(hasty, upgrade, async (client, streamId) => {
      await waitUntil(() => hasActed || upgrade.peer === 'resets', 'the handler has returned')
      if (upgrade.peer === 'resets') return
      await client.until(() => client.trace(streamId).length > 0 || undefined)
      await nextTurn()
    }))
  })

await testProperty('a 101 in any pieces, with interim responses before it, is sent as 200, and the exact bytes behind it', { runs: RUNS },
  fc.record({
    interims: fc.array(interim, { maxLength: 2 }),
    head: validHead,
    data: fc.oneof(bytes, fc.constantFrom(5000, 200_000).map((size) => Buffer.alloc(size, 'data'))),
    places: fc.array(fc.nat(), { maxLength: 8 }),
    turns: fc.array(fc.nat(8), { maxLength: 3 }),
    isCorked: fc.boolean()
  }),
  async ({ interims, head, data, places, turns, isCorked }) => {
    const actions: Action[] = cut(Buffer.concat([...interims, head, data]), places)
    for (const at of turns) actions.splice(at, 0, 'turn')
    if (isCorked) actions.splice(0, 0, 'cork')
    const upgrade: Upgrade = { actions: [...actions, 'end'], peer: 'stays' }
    const frames = await run(patient, upgrade, (client, streamId) => client.untilEnd(streamId))
    checkFrames(frames)
    assert.equal(frames[0]!.headers![':status'], '200')
    const received = Buffer.concat(frames.filter(({ type }) => type === 'DATA').map(({ payload }) => payload))
    assert.ok(received.equals(data), 'the bytes behind the head')
  })
