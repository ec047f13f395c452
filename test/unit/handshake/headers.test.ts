import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import {
  addUpgradeFields, checkExtendedConnect, hasKey, isWebSocketUpgrade, requestToConnect, responseToHttp1, responseToHttp2
} from '../../../lib/handshake/headers.ts'
import { ACCEPT, KEY } from '../../helpers/upgrade-request.ts'

const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' }

void t.test('checkExtendedConnect: accepts a handshake without a key, and :protocol in any case', async (t) => {
  t.equal(checkExtendedConnect(CONNECT, false), undefined)
  t.equal(checkExtendedConnect({ ...CONNECT, ':protocol': 'WebSocket' }, false), undefined)
})

void t.test('checkExtendedConnect: a CONNECT without :protocol is refused with 405 and Allow', async (t) => {
  t.match(checkExtendedConnect({ ':method': 'CONNECT' }, false), { status: 405, headers: { allow: '' } })
})

void t.test('checkExtendedConnect: an unknown :protocol is refused with 501', async (t) => {
  t.match(checkExtendedConnect({ ...CONNECT, ':protocol': 'connect-udp' }, false), { status: 501 })
})

void t.test('checkExtendedConnect: END_STREAM or a content-length is refused with 400', async (t) => {
  t.match(checkExtendedConnect(CONNECT, true), { status: 400, reason: /END_STREAM/ })
  t.match(checkExtendedConnect({ ...CONNECT, 'content-length': '0' }, false), { status: 400, reason: /content-length/ })
})

void t.test('checkExtendedConnect: another version is refused with 400 and the supported one', async (t) => {
  for (const version of [undefined, '', '8', '12', '013', '13, 13']) {
    t.match(checkExtendedConnect({ ...CONNECT, 'sec-websocket-version': version }, false), {
      status: 400, headers: { 'sec-websocket-version': '13' }
    }, `version ${version}`)
  }
})

void t.test('isWebSocketUpgrade: returns true for "websocket" in any case, and false for another protocol', async (t) => {
  t.equal(isWebSocketUpgrade({ upgrade: 'WebSocket' }), true)
  t.equal(isWebSocketUpgrade({ upgrade: 'h2c' }), false)
  t.equal(isWebSocketUpgrade({ upgrade: 'websocket, h2c' }), false)
  t.equal(isWebSocketUpgrade({}), false)
})

void t.test('addUpgradeFields: a key is kept, and one is added if there is none', async (t) => {
  const withKey: IncomingHttpHeaders = { ...CONNECT, 'sec-websocket-key': KEY }
  addUpgradeFields(withKey)
  t.strictSame(withKey, { ...CONNECT, 'sec-websocket-key': KEY, upgrade: 'websocket' })

  for (const key of [undefined, 'bad']) {
    const headers: IncomingHttpHeaders = { ...CONNECT, 'sec-websocket-key': key }
    addUpgradeFields(headers)
    t.match(headers['sec-websocket-key'], /^[+/0-9A-Za-z]{22}==$/)
  }
})

void t.test('hasKey: returns true for 16 bytes in Base64', async (t) => {
  t.equal(hasKey({ 'sec-websocket-key': KEY }), true)
  for (const key of [undefined, '', 'bad', KEY.slice(1), `${KEY} `, `${KEY}, ${KEY}`]) {
    t.equal(hasKey({ 'sec-websocket-key': key }), false, String(key))
  }
})

const ACCEPTED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: chat\r\n` +
  'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\n\r\n'
const FIELDS = { 'sec-websocket-protocol': 'chat', 'set-cookie': ['a=1', 'b=2', 'c=3'] }

void t.test('responseToHttp2: the 101 of an accepted handshake becomes 200, without fields of the connection', async (t) => {
  t.same(responseToHttp2(ACCEPTED, false, true), { status: 101, headers: { ':status': '200', ...FIELDS } })
})

void t.test('responseToHttp2: Sec-WebSocket-Accept is kept only if the CONNECT had a key and is accepted', async (t) => {
  t.same(responseToHttp2(ACCEPTED, true, true), {
    status: 101, headers: { ':status': '200', 'sec-websocket-accept': ACCEPT, ...FIELDS }
  })
  t.notOk('sec-websocket-accept' in responseToHttp2(ACCEPTED, true, false).headers)
})

void t.test('responseToHttp2: a refusal keeps its status, and loses its body with the fields that describe it', async (t) => {
  t.same(responseToHttp2('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nX-A: \t b: c\xa0 \r\n\r\nx-b: c\r\n', false, false), {
    status: 401, headers: { ':status': '401', 'x-a': 'b: c\xa0' }
  })
})

void t.test('responseToHttp2: a 2xx, or a 101 that is not of ws, becomes 502', async (t) => {
  t.match(responseToHttp2(ACCEPTED, false, false), { status: 101, headers: { ':status': '502' } })
  for (const status of [200, 201, 204, 206, 299]) {
    t.same(responseToHttp2(`HTTP/1.1 ${status} X\r\n\r\n`, false, true), { status, headers: { ':status': '502' } })
  }
})

void t.test('responseToHttp2: a field may have the name of a property of every object', async (t) => {
  const { headers } = responseToHttp2('HTTP/1.1 401 X\r\nConstructor: a\r\n__proto__: b\r\n\r\n', false, false)
  t.same(Object.entries(headers), [[':status', '401'], ['constructor', 'a'], ['__proto__', 'b']])
})

void t.test('requestToConnect: converts an upgrade to an Extended CONNECT, without its key', async (t) => {
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
})

void t.test('requestToConnect: without a Host field the session sets :authority', async (t) => {
  t.notOk(':authority' in requestToConnect('/', {}))
})

void t.test('responseToHttp1: 200 becomes a 101 with Sec-WebSocket-Accept, whatever the server sent for it', async (t) => {
  const headers = { ':status': '200', 'sec-websocket-accept': 'nonsense', 'set-cookie': ['a=1', 'b=2'] }
  t.equal(responseToHttp1(200, headers, KEY), [
    'HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket', `sec-websocket-accept: ${ACCEPT}`,
    'set-cookie: a=1', 'set-cookie: b=2', '', ''
  ].join('\r\n'))
})

void t.test('responseToHttp1: any other status is a refusal', async (t) => {
  t.equal(responseToHttp1(404, { 'x-a': 'b' }, KEY), 'HTTP/1.1 404 Not Found\r\nconnection: close\r\nx-a: b\r\n\r\n')
  t.match(responseToHttp1(599, {}, KEY), /^HTTP\/1\.1 599 \r\n/)
  t.match(responseToHttp1(204, {}, KEY), /^HTTP\/1\.1 204 No Content\r\n/)
})
