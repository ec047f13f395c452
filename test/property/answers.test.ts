import assert from 'node:assert/strict'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import fastify from 'fastify'
import type { FastifyInstance, FastifyReply } from 'fastify'
import fc from 'fast-check'
import t from 'tap'
import websocket from '../../index.ts'
import { certificate } from '../wire/server.ts'
import { holds } from './runs.ts'

const RUNS = 250

/** Fields of a connection, of a body, of the moment, and of the key that only HTTP/1.1 has. */
const NOT_COMPARED = new Set([
  'connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'http2-settings', 'date',
  'content-length', 'content-type', 'content-encoding', 'trailer', 'sec-websocket-accept'
])

type Values = string | number | string[]

/** What a user's functions do with a handshake. */
interface Doings {
  headers: Record<string, Values>
  /** What a hook replies. */
  reply: { status: number, body: Body } | undefined
  /** What verifyClient refuses with. */
  refusal: { status: unknown, message: unknown, headers: Record<string, Values | undefined> } | undefined
  /** What a listener of 'headers' adds. */
  lines: string[]
  protocol: unknown
}

type Body = 'none' | 'text' | 'bytes' | 'object' | 'stream'

interface Outcome {
  status: number
  fields: Array<[name: string, values: string[]]>
}

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019!#$%&\'*+-.^_`|~'), minLength: 1, maxLength: 8 })
const name = fc.oneof(
  token,
  fc.constantFrom(
    'etag', 'ETag', 'location', 'set-cookie', 'retry-after', 'www-authenticate', 'x-a', 'date', 'te', 'connection',
    'content-type', 'content-length', 'transfer-encoding', 'upgrade', 'sec-websocket-accept', 'sec-websocket-protocol',
    'sec-websocket-extensions', 'constructor', '__proto__', 'last-modified', 'x-content-type-options', 'keep-alive'
  )
)
const visible = fc.string({ unit: fc.constantFrom(...'ab:;, "=\t\xe9\xa0\xff\x80\x7e'), maxLength: 12 })
const evil = fc.constantFrom(
  'a\r\nx-split: c', 'a\nx-split: c', 'a\rx-split: c', '\0', '\x7f', '\u010d\u010ax-split: c', '\u20ac', '\ufeff',
  '\ud800'
)
const text = fc.oneof({ weight: 6, arbitrary: visible }, { weight: 1, arbitrary: evil })
const values = fc.oneof(text, fc.integer(), fc.array(text, { minLength: 1, maxLength: 3 }))
const anyName = fc.oneof(
  { weight: 8, arbitrary: name }, { weight: 1, arbitrary: evil }, { weight: 1, arbitrary: visible }
)
const fields = (max: number): fc.Arbitrary<Record<string, Values>> => fc.dictionary(anyName, values, { maxKeys: max })

function omit (headers: Record<string, Values>, ...names: string[]): Record<string, Values> {
  return Object.fromEntries(Object.entries(headers).filter(([field]) => !names.includes(field)))
}

const nothing: Doings = { headers: {}, reply: undefined, refusal: undefined, lines: [], protocol: false }
const doings: fc.Arbitrary<Doings> = fc.oneof(
  fields(4).map((headers) => ({ ...nothing, headers })),
  fc.record({
    // How long its body is, a hook may say: what it says of that goes out over HTTP/1.1, as with any reply.
    headers: fields(3).map((headers) => omit(headers, 'transfer-encoding', 'content-length')),
    reply: fc.record({
      status: fc.integer({ min: 300, max: 599 }), body: fc.constantFrom<Body>('none', 'text', 'bytes', 'object', 'stream')
    })
  }).map((given) => ({ ...nothing, ...given })),
  fc.record({
    status: fc.oneof(fc.integer({ min: 90, max: 620 }), fc.constantFrom(undefined, 0, '403', 'abc', 1e9, '9\r\n', {})),
    message: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(undefined, 7, 'a\r\nx-split: c', {}, Object.create(null))),
    headers: fc.dictionary(anyName, fc.oneof(values, fc.constant(undefined)), { maxKeys: 4 })
  }).map((refusal) => ({ ...nothing, refusal })),
  fc.array(fc.oneof(text, fc.tuple(anyName, text).map((parts) => parts.join(': '))), { maxLength: 2 })
    .map((lines) => ({ ...nothing, lines })),
  fc.oneof(text, fc.constantFrom('chat', '', null, undefined, 7, {}, ['chat'])).map((protocol) => ({ ...nothing, protocol }))
)

let current = nothing
const tls = await certificate()
const app: FastifyInstance = fastify({ http2: true, https: { ...tls, allowHTTP1: true } }) as never
t.teardown(() => app.close())
app.addHook('onRequest', async (_request, reply) => { answer(reply) })
await app.register(websocket, {
  options: {
    verifyClient: (_info, done) => {
      const { refusal } = current
      if (refusal === undefined) done(true)
      else done(false, refusal.status as number, refusal.message as string, refusal.headers as OutgoingHttpHeaders)
    },
    handleProtocols: () => current.protocol as string
  }
})
app.websocketServer.on('headers', (lines) => { lines.push(...current.lines) })
app.get('/', { websocket: true }, () => {})

function answer (reply: FastifyReply): void {
  const { headers, reply: replied } = current
  for (const [field, value] of Object.entries(headers)) reply.header(field, value)
  if (replied === undefined) return
  reply.code(replied.status).send(bodyOf(replied.body))
}

function bodyOf (body: Body): unknown {
  if (body === 'text') return 'caf\xe9 \u20ac'
  if (body === 'bytes') return Buffer.from('caf\xe9')
  if (body === 'object') return { name: 'caf\xe9' }
  return body === 'stream' ? Readable.from(['caf', '\xe9']) : undefined
}

async function ask (http: '1.1' | '2'): Promise<Outcome> {
  let outcome: Outcome | undefined
  const socket = await app.injectWS('/', { headers: { 'x-offers': 'chat' } }, {
    http,
    onInit: (socket) => {
      socket.on('upgrade', (response) => { outcome = toOutcome(response) })
      socket.on('unexpected-response', (_request, response) => { outcome = toOutcome(response) })
    }
  }).catch((error: unknown) => { if (outcome === undefined) throw error })
  socket?.terminate()
  return outcome!
}

function toOutcome ({ statusCode, rawHeaders }: IncomingMessage): Outcome {
  const byName = new Map<string, string[]>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const field = rawHeaders[index]!.toLowerCase()
    if (!NOT_COMPARED.has(field)) byName.set(field, [...byName.get(field) ?? [], rawHeaders[index + 1]!])
  }
  const fields = [...byName].map(([field, texts]): [string, string[]] => {
    return [field, field === 'set-cookie' ? texts : toElements(texts)]
  })
  return { status: statusCode!, fields: fields.sort(([one], [other]) => one < other ? -1 : 1) }
}

/** RFC 9110 sections 5.3 and 5.6.1: lines of one field are one list, of which elements that are empty do not count. */
function toElements (texts: string[]): string[] {
  return texts.join(',').split(',').map((element) => element.replace(/^[\t ]+|[\t ]+$/g, '')).filter((element) => element !== '')
}

await holds('a handshake is answered alike over HTTP/1.1 and HTTP/2, and no value becomes a field', { runs: RUNS }, doings,
  async (each) => {
    current = each
    const [over1, over2] = [await ask('1.1'), await ask('2')]
    assert.deepEqual(over2, over1)
    assert.ok(!over1.fields.some(([field]) => field === 'x-split'))
    if (each.refusal !== undefined || each.reply !== undefined) assert.ok(over1.status >= 300)
  })
