import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import fc from 'fast-check'
import { toHeaderLines } from '../../lib/handshake/header-fields.ts'
import {
  checkExtendedConnect, requestToConnect, responseToHttp2, responseToHttp1, addUpgradeFields
} from '../../lib/handshake/headers.ts'
import { KEY as VALID_KEY } from '../helpers/upgrade-request.ts'
import { testProperty } from './property.ts'

const RUNS = 3000

/** RFC 9113 section 8.2.2. */
const CONNECTION_SPECIFIC = [
  'connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'http2-settings'
]
const OF_A_BODY = ['content-length', 'content-type', 'content-encoding', 'trailer']
const OF_A_HANDSHAKE = [
  'sec-websocket-accept', 'sec-websocket-key', 'sec-websocket-protocol', 'sec-websocket-version',
  'sec-websocket-extensions'
]
const KEY = /^[+/0-9A-Za-z]{22}==$/
const KEYS = [VALID_KEY, 'short==', '', `${'A'.repeat(22)}==\r\nx: y`]

const token = fc.string({
  unit: fc.constantFrom(...'abcXYZ019!#$%&\'*+-.^_`|~'), minLength: 1, maxLength: 12
})
/** Names of properties that every object inherits. */
const inherited = fc.constantFrom('constructor', '__proto__', 'toString', 'valueOf')
const name = fc.oneof(
  { weight: 4, arbitrary: token },
  inherited,
  fc.tuple(fc.constantFrom(...CONNECTION_SPECIFIC, ...OF_A_BODY, ...OF_A_HANDSHAKE, 'date', 'host'), fc.nat(4095))
    .map(([text, upper]) => mixCase(text, upper))
)
const value = fc.string({ unit: fc.constantFrom(...'ab:;, "=\t\xe9\x7e'), maxLength: 20 })
const anything = fc.oneof(value, fc.string({ unit: 'binary' }), fc.constantFrom('a\r\nb: c', 'a\nb', 'a\rb', '\0'))
const status = fc.oneof(fc.constantFrom(...Object.keys(STATUS_CODES).map(Number)), fc.integer({ min: 100, max: 999 }))

function mixCase (text: string, upper: number): string {
  return [...text].map((letter, index) => (upper >> index % 12 & 1) === 1 ? letter.toUpperCase() : letter).join('')
}

function isForStreams (field: string): boolean {
  return ![...CONNECTION_SPECIFIC, ...OF_A_BODY].includes(field.toLowerCase())
}

function textsOf (headers: OutgoingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([field, texts]) => [field, ...[texts].flat().map(String)])
}

await testProperty('a response to a CONNECT opens the socket only if ws has accepted it, and has no connection-specific field', { runs: RUNS },
  fc.record({
    status,
    fields: fc.array(fc.tuple(name, value)),
    body: fc.string(),
    key: fc.constantFrom(undefined, ...KEYS),
    mayOpen: fc.boolean()
  }),
  ({ status, fields, body, key, mayOpen }) => {
    const lines = fields.map(([field, text]) => `${field}: ${text}`)
    const response = [`HTTP/1.1 ${status} x`, ...lines, '', body].join('\r\n')
    const { headers, status: asked } = responseToHttp2(response, KEY.test(key ?? ''), mayOpen)
    const opens = status === 101 && mayOpen
    assert.equal(asked, status)
    assert.equal(headers[':status'], opens ? '200' : status < 300 ? '502' : String(status))

    const expected = new Map<string, string[]>([[':status', [String(headers[':status'])]]])
    for (const [field, text] of fields) {
      const lower = field.toLowerCase()
      if (!isForStreams(lower)) continue
      if (lower === 'sec-websocket-accept' && !(opens && KEY.test(key ?? ''))) continue
      expected.set(lower, [...expected.get(lower) ?? [], text.trim()])
    }
    assert.deepEqual(new Map(Object.entries(headers).map(([field, texts]) => [field, [texts].flat()])), expected)
  })

await testProperty('a response that is not HTTP opens no socket, and has no connection-specific field', { runs: RUNS },
  fc.tuple(fc.oneof(fc.string({ unit: 'binary' }), fc.array(anything).map((parts) => parts.join('\r\n'))), fc.boolean()),
  ([response, mayOpen]) => {
    const { headers } = responseToHttp2(response, false, mayOpen)
    assert.notEqual(headers[':status'], '200')
    assert.ok(Object.keys(headers).every(isForStreams))
  })

await testProperty('a CONNECT is a request for a socket only if it conforms to RFC 8441', { runs: RUNS },
  fc.record({
    headers: fc.dictionary(fc.oneof(token, fc.constantFrom('content-length', 'upgrade')), value),
    protocol: fc.oneof(fc.constantFrom('websocket', 'WebSocket', 'websocket ', 'connect-udp', undefined), value),
    version: fc.oneof({ weight: 3, arbitrary: fc.constant('13') }, fc.constantFrom(undefined, '8', '013', ' 13'), value),
    endStream: fc.boolean()
  }),
  ({ headers, protocol, version, endStream }) => {
    const request: IncomingHttpHeaders = { ...headers, ':protocol': protocol, 'sec-websocket-version': version }
    const refusal = checkExtendedConnect(request, endStream)
    const isValid = protocol?.toLowerCase() === 'websocket' && version === '13' && !endStream &&
      headers['content-length'] === undefined
    assert.equal(refusal === undefined, isValid)
    if (refusal === undefined) return
    assert.ok([400, 405, 501].includes(refusal.status))
    assert.ok(textsOf(refusal.headers ?? {}).every((text) => !/[\r\n]/.test(text)))
  })

await testProperty('a CONNECT becomes an upgrade with a key that ws accepts, and keeps its other fields', { runs: RUNS },
  fc.tuple(fc.dictionary(name.map((each) => each.toLowerCase()), anything), fc.constantFrom(undefined, ...KEYS)),
  ([fields, key]) => {
    const request: IncomingHttpHeaders = { ...fields, 'sec-websocket-key': key }
    const before = { ...request }
    addUpgradeFields(request)
    assert.equal(request.upgrade, 'websocket')
    assert.match(request['sec-websocket-key'] ?? '', KEY)
    const own = ['upgrade', 'sec-websocket-key']
    for (const field of Object.keys(before)) if (!own.includes(field)) assert.equal(request[field], before[field])
  })

await testProperty('each header of a hook becomes one line, or throws FST_WS_INVALID_HEADER', { runs: RUNS },
  fc.dictionary(fc.oneof(name, anything), fc.oneof(anything, fc.integer(), fc.array(anything), fc.constant(undefined))),
  (headers) => {
    let lines: string[]
    try {
      lines = toHeaderLines(headers)
    } catch (error) {
      return assert.equal((error as { code?: string }).code, 'FST_WS_INVALID_HEADER')
    }
    const left = Object.entries(headers).flatMap(([field, texts]) => {
      const isOurs = field.toLowerCase() === 'date' || !isForStreams(field) ||
        ['accept', 'extensions', 'protocol', 'version'].includes(field.toLowerCase().replace('sec-websocket-', ''))
      return isOurs || texts === undefined ? [] : [texts].flat().map((text) => `${field}: ${String(text)}`)
    })
    assert.deepEqual(lines, left)
    assert.ok(lines.every((line) => !/[\r\n]/.test(line)))
  })

await testProperty('an upgrade that becomes a CONNECT, and its response, lose the fields that HTTP/2 does not have', { runs: RUNS },
  fc.record({ fields: fc.dictionary(name.map((each) => each.toLowerCase()), value), status }),
  ({ fields, status }) => {
    const asked = requestToConnect('/path', fields)
    const names = Object.keys(asked).filter((field) => !field.startsWith(':'))
    assert.deepEqual(names, Object.keys(fields).filter((field) => {
      return isForStreams(field) && field !== 'host' && field !== 'sec-websocket-key'
    }))
    assert.equal(asked[':authority'], fields['host'])

    const head = responseToHttp1(status, { ...fields, ':status': String(status) }, KEYS[0]!)
    const [statusLine, ...lines] = head.split('\r\n')
    assert.ok(statusLine?.startsWith(`HTTP/1.1 ${status === 200 ? 101 : status} `))
    assert.deepEqual(lines.slice(-2), ['', ''])
    assert.equal(lines.filter((line) => /^sec-websocket-accept:/.test(line)).length, status === 200 ? 1 : 0)
  })
