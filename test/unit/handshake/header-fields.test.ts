import type { OutgoingHttpHeaders } from 'node:http'
import t from 'tap'
import {
  NOT_FOR_STREAMS, combineValues, eachField, toHeaderLines, toRefusalFields, validateHead
} from '../../../lib/handshake/header-fields.ts'

const HEAD = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'x-a:\xe9']
const CODE = { code: 'FST_WS_INVALID_HEADER' }

void t.test('validateHead: omits lines about the connection or a body, except those of ws', async (t) => {
  for (const name of NOT_FOR_STREAMS) t.same(validateHead([...HEAD, `${name.toUpperCase()}: x`]), HEAD, name)
  t.same(validateHead([...HEAD, 'Connection: Upgrade']), [...HEAD, 'Connection: Upgrade'])
})

const INVALID_LINES: unknown[] = [
  '', 'no colon', 'x y: z', 'x-a: b\r\nx-split: c', 'x-a: b\n', 'x-a: \u010a', ' folded: x', ':status: 200', undefined, 7
]

for (const line of INVALID_LINES) {
  void t.test(`validateHead: throws for the line ${JSON.stringify(line)}`, async (t) => {
    t.throws(() => validateHead([...HEAD, line]), CODE)
  })
}

void t.test('validateHead: throws for a head that does not begin with the status line of a 101', async (t) => {
  for (const head of [[], ['HTTP/1.1 200 OK', 'x-a: b'], ['HTTP/1.1 101 \r\nx-split: c'], [7]]) {
    t.throws(() => validateHead(head), CODE)
  }
})

void t.test('validateHead: the error has the name of the header', async (t) => {
  t.throws(() => validateHead([...HEAD, 'x-name: \0']), { message: /^response header "x-name" cannot be sent/ })
})

void t.test('toRefusalFields: the length is that of the body, and the type is HTML by default', async (t) => {
  t.same(toRefusalFields({}, 3), ['Content-Length', '3', 'Content-Type', 'text/html'])
  t.same(toRefusalFields({ 'CONTENT-type': 'text/plain', 'content-length': 9 }, 0), [
    'Content-Length', '0', 'Content-Type', 'text/plain'
  ])
})

void t.test('toRefusalFields: keeps every value and the case of names, and omits fields of the connection', async (t) => {
  t.same(toRefusalFields({ 'X-A': ['b', 'c'], 'x-n': 7, 'x-none': undefined, Connection: 'upgrade', TE: 'trailers' }, 0), [
    'Content-Length', '0', 'X-A', 'b', 'X-A', 'c', 'x-n', '7', 'Content-Type', 'text/html'
  ])
})

const INVALID_FIELDS: OutgoingHttpHeaders[] = [
  { 'x-a': 'b\r\nc: d' }, { 'x\r\na': 'b' }, { 'x-a': '\u010a' }, { 'x-a': ['b', '\0'] }, { '': 'a' },
  { 'content-type': 'text/plain\r\nc: d' }
]

for (const headers of INVALID_FIELDS) {
  void t.test(`toRefusalFields and toHeaderLines: throw for ${JSON.stringify(headers)}`, async (t) => {
    t.throws(() => toRefusalFields(headers, 0), CODE)
    if (!('content-type' in headers)) t.throws(() => toHeaderLines(headers), CODE)
  })
}

void t.test('toRefusalFields: the cause of an error is that of Node', async (t) => {
  t.throws(() => toRefusalFields({ 'x-a': '\0' }, 0), { ...CODE, cause: { code: 'ERR_INVALID_CHAR' } })
})

void t.test('toHeaderLines: returns a line for each value', async (t) => {
  t.same(toHeaderLines({ 'x-a': 'b', 'x-n': 7, 'set-cookie': ['a=1', 'b=2'], 'x-none': undefined }), [
    'x-a: b', 'x-n: 7', 'set-cookie: a=1', 'set-cookie: b=2'
  ])
})

void t.test('toHeaderLines: omits fields of the connection, of a body and of the handshake, even invalid ones', async (t) => {
  for (const name of ['Connection', 'content-length', 'Sec-WebSocket-Protocol', 'sec-websocket-accept', 'Date']) {
    t.same(toHeaderLines({ [name]: 'x', 'x-a': 'b' }), ['x-a: b'], name)
    t.same(toHeaderLines({ [name]: '\0' }), [], name)
  }
})

void t.test('combineValues: joins the values of a field, except those of Set-Cookie', async (t) => {
  t.same(combineValues({ ':status': '200', etag: ['a', '', 'b'], 'set-cookie': ['a=1', 'b=2'], 'x-n': 7 }), {
    ':status': '200', etag: 'a, b', 'set-cookie': ['a=1', 'b=2'], 'x-n': 7
  })
})

void t.test('eachField: yields each value as text, and omits undefined', async (t) => {
  t.same([...eachField({ a: 1, b: undefined, c: ['d', 'e'], f: [] })], [['a', '1'], ['c', 'd'], ['c', 'e']])
})
