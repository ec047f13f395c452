import assert from 'node:assert/strict'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import fastify from 'fastify'
import type { FastifyInstance, FastifyReply } from 'fastify'
import t from 'tap'
import websocket from '../../index.ts'
import { createCertificate } from '../helpers/certificate.js'
import { testProperty } from './property.ts'

const RUNS = 250

/** Fields of a connection, of a body, of the time, and of the key that only HTTP/1.1 has. */
const NOT_COMPARED = new Set([
  'connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'http2-settings', 'date',
  'content-length', 'content-type', 'content-encoding', 'trailer', 'sec-websocket-accept'
])

type Values = string | number | string[]

/** The results of the user's functions during a handshake. */
interface UserActions {
  headers: Record<string, Values>
  /** The reply of a hook. */
  reply: { status: number, body: Body } | undefined
  /** The refusal of verifyClient. */
  refusal: { status: unknown, message: unknown, headers: Record<string, Values | undefined> } | undefined
  /** Lines that a 'headers' listener adds. */
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
const malicious = fc.constantFrom(
  'a\r\nx-split: c', 'a\nx-split: c', 'a\rx-split: c', '\0', '\x7f', '\u010d\u010ax-split: c', '\u20ac', '\ufeff',
  '\ud800'
)
const text = fc.oneof({ weight: 6, arbitrary: visible }, { weight: 1, arbitrary: malicious })
const values = fc.oneof(text, fc.integer(), fc.array(text, { minLength: 1, maxLength: 3 }))
const anyName = fc.oneof(
  { weight: 8, arbitrary: name }, { weight: 1, arbitrary: malicious }, { weight: 1, arbitrary: visible }
)
const fields = (max: number): fc.Arbitrary<Record<string, Values>> => fc.dictionary(anyName, values, { maxKeys: max })

function omit (headers: Record<string, Values>, ...names: string[]): Record<string, Values> {
  return Object.fromEntries(Object.entries(headers).filter(([field]) => !names.includes(field)))
}

const nothing: UserActions = { headers: {}, reply: undefined, refusal: undefined, lines: [], protocol: false }
const userActions: fc.Arbitrary<UserActions> = fc.oneof(
  fields(4).map((headers) => ({ ...nothing, headers })),
  fc.record({
    // A hook may set the length of its body. Over HTTP/1.1 that is sent, as with any reply.
    headers: fields(3).map((headers) => omit(headers, 'transfer-encoding', 'content-length')),
    reply: fc.record({
      status: fc.integer({ min: 300, max: 599 }), body: fc.constantFrom<Body>('none', 'text', 'bytes', 'object', 'stream')
    })
  }).map((reply) => ({ ...nothing, ...reply })),
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
const tls = await createCertificate()
const app: FastifyInstance = fastify({ http2: true, https: { ...tls, allowHTTP1: true } }) as never
t.teardown(() => app.close())
app.addHook('onRequest', async (_request, reply) => { applyActions(reply) })
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

function applyActions (reply: FastifyReply): void {
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

async function handshake (http: '1.1' | '2'): Promise<Outcome> {
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

/** Joins the lines of a field to one list, and omits its empty elements (RFC 9110 sections 5.3 and 5.6.1). */
function toElements (texts: string[]): string[] {
  return texts.join(',').split(',').map((element) => element.replace(/^[\t ]+|[\t ]+$/g, '')).filter((element) => element !== '')
}

await testProperty('a handshake has the same response over HTTP/1.1 and HTTP/2, and no value injects a field', { runs: RUNS }, userActions,
  async (each) => {
    current = each
    const [over1, over2] = [await handshake('1.1'), await handshake('2')]
    assert.deepEqual(over2, over1)
    assert.ok(!over1.fields.some(([field]) => field === 'x-split'))
    if (each.refusal !== undefined || each.reply !== undefined) assert.ok(over1.status >= 300)
  })
