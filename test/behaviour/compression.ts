import { EventEmitter, once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { WebsocketPluginOptions } from '../../index.ts'
import { lastAdmission } from '../helpers/admission.ts'
import { Callbacks } from '../helpers/callbacks.ts'
import { addEcho } from '../helpers/echo.ts'
import { WARN, linesWithError } from '../helpers/logs.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextText, nextTexts, waitUntil } from '../helpers/waiting.ts'
import { pauseWhenOpen } from '../helpers/ws-connection.ts'

const OFFER = { perMessageDeflate: true }
/** The memory of a socket with the options of ws, and without context takeover of the server. */
const DEFAULT_SIZE = 359_344
const SMALL_SIZE = 58_280
const NOISE = toNoise(MIB)

function compressing (
  perMessageDeflate: object | boolean = true, others: WebsocketPluginOptions = {}
): WebsocketPluginOptions {
  return { options: { perMessageDeflate, maxPayload: MIB }, ...others }
}

/** Adds /large, which sends more than the buffers below the process hold, and cannot be compressed. */
function addLarge (app: FastifyInstance): void {
  app.get('/large', { websocket: true }, (socket) => {
    const callbacks = new Callbacks()
    for (let count = 0; count < 32; count++) socket.send(NOISE, callbacks.next)
    app.server.emit('sent', socket, callbacks)
  })
}

function toNoise (size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let index = 0, state = 1; index < size; index++) {
    state = (state * 48_271) % 0x7fffffff
    bytes[index] = state
  }
  return bytes
}

/** Compression with permessage-deflate (RFC 7692). */
export function testCompression (transport: Transport): void {
  const scenario = scenarios(transport)

  scenario('compression is off by default', addEcho, async (t, { open }) => {
    t.equal((await open('/echo', OFFER)).extensions, '')
  })

  for (const [name, options] of [
    ['with context takeover', {}],
    ['without context takeover', { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }],
    ['with small windows', { serverMaxWindowBits: 9, clientMaxWindowBits: 9, zlibDeflateOptions: { memLevel: 1 } }]
  ] as const) {
    scenario(`messages of any size are compressed in both directions ${name}`, addEcho, async (t, { open }) => {
      const socket = await open('/echo', { perMessageDeflate: { threshold: 0 } })
      t.equal(socket.extensions, 'permessage-deflate')
      const texts = [0, 1, 126, 2 * KIB, 70 * KIB, MIB].map((size) => 'text '.repeat(size).slice(0, size))
      const received = nextTexts(socket, 2 * texts.length)
      for (const text of [...texts, ...texts]) socket.send(text)
      t.strictSame(await received, [...texts, ...texts])
      socket.close(4000)
      t.equal((await closed(socket)).code, 4000)
    }, compressing(options))
  }

  scenario('with allowSynchronousEvents: false compressed messages arrive in order', addEcho, async (t, { open }) => {
    const socket = await open('/echo', OFFER)
    const texts = [...Array(20).keys()].map((count) => `${count} `.repeat(count * 100))
    const received = nextTexts(socket, texts.length)
    for (const text of texts) socket.send(text, { compress: text.length % 3 !== 0 })
    t.strictSame(await received, texts)
  }, { options: { perMessageDeflate: true, allowSynchronousEvents: false } })

  scenario('a message that is inflated to more than maxPayload is answered with 1009', addEcho, async (t, { open }) => {
    const socket = await open('/echo', OFFER)
    socket.send('x'.repeat(MIB + 1))
    t.equal((await closed(socket)).code, 1009)
  }, compressing())

  scenario('messages that wait to be compressed count for sendLimit', addLarge, async (t, { connect, logs }) => {
    const socket = connect('/large', OFFER)
    // Without a listener, its messages and its close would wait for one for some seconds.
    socket.on('message', () => {})
    t.same(await closed(socket), { code: 1008, reason: 'slow consumer' })
    t.match(linesWithError(logs), [{ level: WARN, err: { code: 'FST_WS_SLOW_CONSUMER' } }])
  }, compressing(true, { sendLimit: 2 * MIB }))

  scenario('a client that does not read holds back the messages of its own socket', (app) => {
    addEcho(app)
    addLarge(app)
  }, async (t, { app, connect, open }) => {
    const sent = once(app.server, 'sent')
    const slow = connect('/large', OFFER)
    pauseWhenOpen(slow)
    const [server, callbacks] = await sent
    t.ok(server.bufferedAmount >= 31 * MIB)
    t.equal(server.writableNeedDrain, true)
    const other = await open('/echo', OFFER)
    const echoed = nextText(other)
    other.send('still here')
    t.equal(await echoed, 'still here')

    const drained = once(server, 'drain')
    let length = 0
    slow.on('message', (data: Buffer) => { length += data.length })
    slow.resume()
    await drained
    await waitUntil(() => length === 32 * MIB, 'everything has arrived')
    await callbacks.settled()
    t.same(new Set(callbacks.results), new Set(['sent']))
    t.same([server.bufferedAmount, server.writableNeedDrain], [0, false])
  }, compressing(true, { sendLimit: Infinity }))

  // compressionBudget

  scenario('sockets beyond compressionBudget are opened without compression', addEcho, async (t, { open, logs }) => {
    const first = await open('/echo', OFFER)
    t.equal(first.extensions, 'permessage-deflate')
    const { compression } = lastAdmission()
    t.same([compression.bytes, compression.sockets], [DEFAULT_SIZE, 1])

    const second = await open('/echo', OFFER)
    t.equal(second.extensions, '')
    const echoed = nextText(second)
    second.send('not compressed')
    t.equal(await echoed, 'not compressed')
    t.equal((await open('/echo')).extensions, '', 'a client that does not offer it needs nothing')
    t.equal(compression.declined, 1)
    t.match(logs.filter(({ level }) => level === WARN), [{ option: 'compressionBudget', refused: 1 }])

    first.close()
    await closed(first)
    await waitUntil(() => compression.sockets === 0, 'the share of the first socket is freed')
    t.equal(compression.bytes, 0)
    t.equal((await open('/echo', OFFER)).extensions, 'permessage-deflate')
  }, compressing(true, { compressionBudget: DEFAULT_SIZE }))

  scenario('the share of a socket in compressionBudget is that of the options of its route', (app) => {
    app.get('/small', { websocket: { perMessageDeflate: { serverNoContextTakeover: true } } }, () => {})
    app.get('/off', { websocket: { perMessageDeflate: false } }, () => {})
    addEcho(app)
  }, async (t, { open }) => {
    await open('/off', OFFER)
    t.same([lastAdmission().compression.bytes, lastAdmission().compression.sockets], [0, 0])
    await open('/small', OFFER)
    t.equal(lastAdmission().compression.bytes, SMALL_SIZE)
    await open('/echo', OFFER)
    t.same([lastAdmission().compression.bytes, lastAdmission().compression.sockets], [SMALL_SIZE + DEFAULT_SIZE, 2])
  }, compressing(true, { compressionBudget: Infinity }))

  scenario('handshakes that wait for verifyClient count for compressionBudget until they are refused', addEcho, async (t, { connect, open }) => {
    const handshake = once(waiting, 'handshake')
    const first = connect('/echo', OFFER)
    first.on('error', () => {})
    const [decide] = await handshake
    const { compression } = lastAdmission()
    t.same([compression.bytes, compression.sockets], [DEFAULT_SIZE, 1])

    waiting.once('handshake', (done) => done(true))
    t.equal((await open('/echo', OFFER)).extensions, '')
    decide(false)
    await waitUntil(() => compression.sockets === 0, 'the share of the refused handshake is freed')
    waiting.once('handshake', (done) => done(true))
    t.equal((await open('/echo', OFFER)).extensions, 'permessage-deflate')
  }, {
    options: { perMessageDeflate: true, verifyClient: (_info, done) => { waiting.emit('handshake', done) } },
    compressionBudget: DEFAULT_SIZE
  })
}

/** Emits the function with which `verifyClient` decides about a handshake. */
const waiting = new EventEmitter()
