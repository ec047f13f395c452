import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { ReceiveWindow } from '../../../lib/http2/window-tuner.ts'
import { completeSizes } from '../../../lib/options/receive-window.ts'

const MEGABYTE = 1024 * 1024

void t.test('a window that was used grows, and shrinks when it is used no more', async (t) => {
  const server = createServer()
  const sizes: number[] = []
  server.on('session', (session: ServerHttp2Session) => {
    const window = new ReceiveWindow(session, completeSizes({}), 200)
    session.on('stream', (stream: ServerHttp2Stream) => {
      const inflow = window.add(stream, () => t.fail('there is room'))
      inflow.isSocket = true
      stream.respond()
      stream.on('data', (chunk: Buffer) => inflow.admit(chunk))
    })
    session.on('localSettings', ({ initialWindowSize }) => {
      sizes.push(initialWindowSize!)
      if (initialWindowSize === 65_535 && Math.max(...sizes) > MEGABYTE) server.emit('shrunk', window)
    })
    window.openConnection()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { maxSessionMemory: 100 })
  t.teardown(() => { client.destroy(); server.close() })

  client.request({ ':method': 'POST' }).end(Buffer.alloc(32 * MEGABYTE))
  const [window] = await once(server, 'shrunk') as [ReceiveWindow]
  t.equal(window.size, 65_535)
  t.ok(Math.max(...sizes) <= 16 * MEGABYTE)
})

void t.test('sizes are complete, and fit together', async (t) => {
  t.same(completeSizes({}), { initial: 65_535, max: 16 * MEGABYTE, sessionBudget: 128 * MEGABYTE })
  t.match(completeSizes({ initial: 100_000, max: 50_000 }), { initial: 100_000, max: 100_000 })
})
