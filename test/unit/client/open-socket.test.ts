import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import t from 'tap'
import { isSession, openSocket } from '../../../lib/client/open-socket.ts'
import { readConnectOptions } from '../../../lib/options/client.ts'
import { echo } from '../../helpers/echo.ts'
import { H1, H2C, start } from '../../helpers/transports.ts'
import { nextText } from '../../helpers/waiting.ts'

void t.test('isSession: an HTTP/2 session, not a URL', async (t) => {
  const session = openSession('http://127.0.0.1:1').on('error', () => {})
  t.teardown(() => session.destroy())
  t.same([session, 'ws://a', new URL('ws://a')].map(isSession), [true, false, false])
})

void t.test('openSocket: opens a socket to a URL or on a session, with a heartbeat only if there is an interval', async (t) => {
  for (const transport of [H1, H2C]) {
    for (const heartbeat of [0, 20]) {
      const { origin, session } = await start(t, transport, (app) => {
        app.get('/', { websocket: true }, (socket) => {
          echo(socket)
          socket.on('ping', () => socket.send('pinged'))
        })
      }, { heartbeat: 0 })
      const settings = readConnectOptions({ heartbeat }, session !== undefined)
      const socket = openSocket(session ?? origin.replace('http', 'ws'), settings)
      await once(socket, 'open')
      socket.send('hello')
      t.equal(await nextText(socket), 'hello')
      if (heartbeat > 0) t.equal(await nextText(socket), 'pinged')
      socket.terminate()
    }
  }
})
