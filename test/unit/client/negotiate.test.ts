import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { overHttp1, overHttp2, overSession } from '../../../lib/client/negotiate.ts'
import { echo } from '../../helpers/echo.ts'
import { H2C, H2_TLS, start } from '../../helpers/transports.ts'
import { nextText } from '../../helpers/waiting.ts'

/** Starts a server that accepts connections and sends nothing. */
async function serveSilently (t: Test): Promise<{ url: string, accepted: Promise<Socket> }> {
  const server = createServer()
  const accepted = once(server, 'connection').then(([connection]) => connection.on('error', () => {}).resume())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(async () => {
    server.close()
    ;(await accepted).destroy()
  })
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, accepted }
}

void t.test('overHttp2, overSession: ws performs its handshake over HTTP/2', async (t) => {
  for (const transport of [H2C, H2_TLS]) {
    const { origin, session } = await start(t, transport, (app) => app.get('/', { websocket: true }, echo))
    const url = origin.replace('http', 'ws')
    const options = { rejectUnauthorized: false }
    for (const wsOptions of [overHttp2(options, '2', false), overHttp2(options, '2', true), overSession(session!, {})]) {
      const socket = new WebSocket(url, wsOptions)
      await once(socket, 'open')
      socket.send('hello')
      t.equal(await nextText(socket as never), 'hello')
      socket.terminate()
    }
  }
})

void t.test('overHttp1: without handshakeTimeout the options are those of the user', (t) => {
  for (const options of [{}, { handshakeTimeout: 0 }]) t.equal(overHttp1(options), options)
  t.end()
})

void t.test('overHttp1: calls the user\'s finishRequest', async (t) => {
  const { url } = await serveSilently(t)
  const socket = new WebSocket(`ws://${url}`, overHttp1({
    handshakeTimeout: 50,
    finishRequest (request) {
      request.setHeader('x-set', 'yes')
      request.end()
      t.equal(request.getHeader('x-set'), 'yes')
    }
  }))
  t.match(await once(socket, 'error'), [{ message: 'Opening handshake has timed out' }])
})

for (const isSecure of [false, true]) {
  const scheme = isSecure ? 'wss' : 'ws'
  void t.test(`overHttp2: a "${scheme}:" handshake that is aborted closes its connection`, async (t) => {
    const { url, accepted } = await serveSilently(t)
    const socket = new WebSocket(`${scheme}://${url}`, overHttp2({ handshakeTimeout: 0 }, '2', false)).on('error', () => {})
    const connection = await accepted
    const end = once(connection, 'close')
    socket.terminate()
    await end
  })

  void t.test(`overHttp2: a signal aborts a "${scheme}:" handshake with an AbortError, and closes its connection`, async (t) => {
    const { url, accepted } = await serveSilently(t)
    const controller = new AbortController()
    const socket = new WebSocket(`${scheme}://${url}`, overHttp2({ signal: controller.signal } as object, '2', false))
    const failed = once(socket, 'error')
    const connection = await accepted
    const end = once(connection, 'close')
    controller.abort()
    t.match(await failed, [{ name: 'AbortError' }])
    await end
  })
}
