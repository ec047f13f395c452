import { once } from 'node:events'
import { mock } from 'node:test'
import t from 'tap'
import { clearHandshakeTimeout, startHandshakeTimeout } from '../../../lib/handshake/timeout.ts'
import { kUpgrade } from '../../../lib/symbols.ts'
import { createLog, readToEnd, receiveUpgrade } from '../../helpers/pending-upgrade.ts'

t.beforeEach(() => { mock.timers.enable({ apis: ['setTimeout'] }) })
t.afterEach(() => { mock.timers.reset() })

void t.test('startHandshakeTimeout: after the timeout 503 is sent and logged, and the connection ends', async (t) => {
  const { log, logs } = createLog()
  const { request, response, client } = await receiveUpgrade(log)
  startHandshakeTimeout(request, response, 1000)
  mock.timers.tick(999)
  t.equal(response.headersSent, false)
  mock.timers.tick(1)
  t.equal(request.socket.writableEnded, true, 'verifyClient can no longer open a socket')
  t.match(await readToEnd(client), /^HTTP\/1\.1 503 Service Unavailable\r\ncontent-length: 0\r\n/)
  t.match(logs, [{ level: 40, url: '/', msg: 'websocket handshake not answered within handshakeTimeout: 503 sent' }])
})

void t.test('startHandshakeTimeout: a response that has begun is not changed', async (t) => {
  const { log, logs } = createLog()
  const { request, response, client } = await receiveUpgrade(log)
  startHandshakeTimeout(request, response, 1000)
  response.writeHead(403, { 'content-length': 2 }).write('n')
  mock.timers.tick(1000)
  response.end('o')
  t.match(await readToEnd(client), /^HTTP\/1\.1 403 Forbidden\r\n[^]*\r\n\r\nno$/)
  t.same(logs, [])
})

void t.test('startHandshakeTimeout: a handshake that is answered, or whose connection is reset, has no timer', async (t) => {
  for (const end of ['answer', 'reset'] as const) {
    const { request, response, upgrade, client } = await receiveUpgrade()
    startHandshakeTimeout(request, response, 1000)
    t.ok(upgrade.timer)
    const closed = once(response, 'close')
    if (end === 'answer') response.writeHead(403).end()
    else request.socket.destroy()
    client.resume()
    await closed
    t.equal(upgrade.timer, undefined)
  }
})

void t.test('startHandshakeTimeout: 0 sets no timer', async (t) => {
  const { request, response, upgrade, client } = await receiveUpgrade()
  startHandshakeTimeout(request, response, 0)
  t.equal(upgrade.timer, undefined)
  t.equal(response.listenerCount('close'), 0)
  client.destroy()
})

void t.test('startHandshakeTimeout: a request that is not a handshake has no time limit', async (t) => {
  const { request, response, client } = await receiveUpgrade()
  Reflect.deleteProperty(request, kUpgrade)
  startHandshakeTimeout(request, response, 1000)
  mock.timers.tick(1000)
  t.equal(response.headersSent, false)
  client.destroy()
})

void t.test('clearHandshakeTimeout: removes the limit, and does not retain the timer', async (t) => {
  const { request, response, upgrade, client } = await receiveUpgrade()
  startHandshakeTimeout(request, response, 1000)
  clearHandshakeTimeout(upgrade)
  t.equal(upgrade.timer, undefined)
  mock.timers.tick(1000)
  t.equal(response.headersSent, false)
  client.destroy()
})
