import { once } from 'node:events'
import t from 'tap'
import { Agent, WebSocket } from 'undici'
import { H2_TLS, start } from '../helpers/transports.ts'

void t.test('undici opens, echoes and closes a socket over HTTP/2, and sends Sec-WebSocket-Key', async (t) => {
  const { app, origin } = await start(t, H2_TLS, (app) => {
    app.get('/echo', { websocket: true }, (socket, request) => {
      t.type(request.headers['sec-websocket-key'], 'string')
      socket.on('message', (data) => socket.send(`${request.raw.httpVersion} ${data}`))
      socket.on('close', (code, reason) => app.server.emit('seen', code, String(reason)))
    })
  })
  const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } })
  t.teardown(() => dispatcher.destroy())

  const socket = new WebSocket(`${origin.replace('http', 'ws')}/echo`, { dispatcher })
  await once(socket, 'open')
  socket.send('hello')
  const [{ data }] = await once(socket, 'message')
  t.equal(data, '2.0 hello')

  const seen = once(app.server, 'seen')
  socket.close(4000, 'done')
  t.same(await seen, [4000, 'done'])
})
