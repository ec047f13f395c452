import type { IncomingHttpHeaders } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import t from 'tap'
import {
  checkExtendedConnect, isWebSocketUpgrade, requestToConnect, responseToHttp2, responseToHttp1, addUpgradeFields
} from '../../../lib/handshake/headers.ts'
import { validateHead, combineValues, toHeaderLines, toRefusalFields } from '../../../lib/handshake/header-fields.ts'

const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' }
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

void t.test('checkExtendedConnect', async (t) => {
  t.equal(checkExtendedConnect(CONNECT, false), undefined, 'an offer needs no key')
  t.equal(checkExtendedConnect({ ...CONNECT, ':protocol': 'WebSocket' }, false), undefined, 'case does not matter')
  t.match(checkExtendedConnect({ ':method': 'CONNECT' }, false), { status: 405, headers: { allow: '' } })
  t.match(checkExtendedConnect({ ...CONNECT, ':protocol': 'connect-udp' }, false), { status: 501 })
  t.match(checkExtendedConnect(CONNECT, true), { status: 400 })
  t.match(checkExtendedConnect({ ...CONNECT, 'content-length': '0' }, false), { status: 400 })
  for (const version of [undefined, '', '8', '12', '013', '13, 13']) {
    t.match(checkExtendedConnect({ ...CONNECT, 'sec-websocket-version': version }, false), {
      status: 400, headers: { 'sec-websocket-version': '13' }
    }, `version ${version}`)
  }
})

void t.test('isWebSocketUpgrade', async (t) => {
  t.ok(isWebSocketUpgrade({ upgrade: 'WebSocket' }))
  t.notOk(isWebSocketUpgrade({ upgrade: 'h2c' }))
  t.notOk(isWebSocketUpgrade({}))
})

void t.test('addUpgradeFields: a key is kept, and one is added if there is none', async (t) => {
  const withKey: IncomingHttpHeaders = {
    ...CONNECT, 'sec-websocket-key': KEY, 'sec-websocket-extensions': 'permessage-deflate'
  }
  addUpgradeFields(withKey)
  t.match(withKey, { 'sec-websocket-key': KEY, upgrade: 'websocket', 'sec-websocket-extensions': undefined })

  for (const key of [undefined, 'bad']) {
    const headers: IncomingHttpHeaders = { ...CONNECT, 'sec-websocket-key': key }
    addUpgradeFields(headers)
    t.match(headers['sec-websocket-key'], /^[+/0-9A-Za-z]{22}==$/)
    t.notOk('sec-websocket-extensions' in headers)
  }
})

void t.test('responseToHttp2', async (t) => {
  const accepted = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n' +
    'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\n\r\n'
  const fields = { 'sec-websocket-protocol': 'chat', 'set-cookie': ['a=1', 'b=2', 'c=3'] }

  t.same(responseToHttp2(accepted, false, true), { status: 101, headers: { ':status': '200', ...fields } })
  t.same(responseToHttp2(accepted, true, true), {
    status: 101,
    headers: { ':status': '200', 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', ...fields }
  })
  t.same(responseToHttp2('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nX-A: b: c\r\n\r\nno', false, false), {
    status: 401, headers: { ':status': '401', 'x-a': 'b: c' }
  })
  t.match(responseToHttp2(accepted, false, false), { status: 101, headers: { ':status': '502' } }, 'a 101 of somebody else')
  for (const status of [200, 201, 204, 206, 299]) {
    t.same(responseToHttp2(`HTTP/1.1 ${status} X\r\n\r\n`, false, true), { status, headers: { ':status': '502' } })
  }
})

void t.test('responseToHttp2: a field may have the name of what every object has', async (t) => {
  const { headers } = responseToHttp2('HTTP/1.1 401 X\r\nConstructor: a\r\n__proto__: b\r\n\r\n', false, false)
  t.same(Object.entries(headers), [[':status', '401'], ['constructor', 'a'], ['__proto__', 'b']])
})

void t.test('requestToConnect', async (t) => {
  const upgrade = {
    host: 'example.org',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': KEY,
    'sec-websocket-version': '13',
    cookie: ['a=1', 'b=2']
  }
  t.same(requestToConnect('/room?q', upgrade), {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/room?q',
    ':authority': 'example.org',
    'sec-websocket-version': '13',
    cookie: ['a=1', 'b=2']
  })
  t.notOk(':authority' in requestToConnect('/', {}), 'a session knows its own')
})

void t.test('responseToHttp1', async (t) => {
  t.equal(responseToHttp1(200, { ':status': '200', 'sec-websocket-accept': 'nonsense', 'set-cookie': ['a=1', 'b=2'] }, KEY), [
    'HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket',
    'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'set-cookie: a=1', 'set-cookie: b=2', '', ''
  ].join('\r\n'))
  t.equal(responseToHttp1(404, { 'x-a': 'b' }, KEY), 'HTTP/1.1 404 Not Found\r\nconnection: close\r\nx-a: b\r\n\r\n')
  t.match(responseToHttp1(599, {}, KEY), /^HTTP\/1\.1 599 \r\n/)
  t.match(responseToHttp1(204, {}, KEY), /^HTTP\/1\.1 204 No Content\r\n/, 'opens nothing')
})

void t.test('toHeaderLines', async (t) => {
  t.same(toHeaderLines({ 'x-a': 'b', 'x-n': 7, 'set-cookie': ['a=1', 'b=2'], 'x-none': undefined }), [
    'x-a: b', 'x-n: 7', 'set-cookie: a=1', 'set-cookie: b=2'
  ])
  t.same(toHeaderLines({ Connection: 'close', 'content-length': 5, 'Sec-WebSocket-Protocol': 'x' }), [])
  t.throws(() => toHeaderLines({ 'x-a': 'b\r\nc: d' }), { code: 'FST_WS_INVALID_HEADER' })
  t.throws(() => toHeaderLines({ 'x a': 'b' }), { code: 'FST_WS_INVALID_HEADER' })
})

void t.test('toRefusalFields', async (t) => {
  t.same(toRefusalFields({}, 3), ['Content-Length', '3', 'Content-Type', 'text/html'])
  t.same(toRefusalFields({ 'CONTENT-type': 'text/plain', 'content-length': 9, 'X-A': ['b', 'c'], Connection: 'upgrade' }, 0), [
    'Content-Length', '0', 'X-A', 'b', 'X-A', 'c', 'Content-Type', 'text/plain'
  ])
  const invalid: OutgoingHttpHeaders[] = [
    { 'x-a': 'b\r\nc: d' }, { 'x\r\na': 'b' }, { 'x-a': '\u010a' }, { 'x-a': ['b', '\0'] }
  ]
  for (const headers of invalid) {
    t.throws(() => toRefusalFields(headers, 0), { code: 'FST_WS_INVALID_HEADER' })
  }
})

void t.test('combineValues', async (t) => {
  t.same(combineValues({ ':status': '200', etag: ['a', 'b'], 'set-cookie': ['a=1', 'b=2'] }), {
    ':status': '200', etag: 'a, b', 'set-cookie': ['a=1', 'b=2']
  })
})

void t.test('checkHead', async (t) => {
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'x-a:\xe9']
  t.same(validateHead([...head, 'content-length: 5', 'Connection: Upgrade', 'connection: close']), [...head, 'Connection: Upgrade'])
  for (const line of ['', 'x', 'x y: z', 'x-a: b\r\nc: d', 'x-a: b\n', 'x-a: \u010a', ' folded: x', ':status: 200', undefined, 7]) {
    t.throws(() => validateHead([...head, line]), { code: 'FST_WS_INVALID_HEADER' })
  }
  t.throws(() => validateHead([]), { code: 'FST_WS_INVALID_HEADER' })
  t.throws(() => validateHead(['HTTP/1.1 200 OK', 'x-a: b']), { code: 'FST_WS_INVALID_HEADER' })
})
