import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { ReceiveBudget } from '../../../lib/http2/receive-budget.ts'
import { StreamReceiver } from '../../../lib/http2/stream-receiver.ts'
import { WindowTuner } from '../../../lib/http2/window-tuner.ts'
import { completeSizes } from '../../../lib/options/receive-window.ts'

const MEGABYTE = 1024 * 1024

void t.test('windows grow for a stream that they hold back, and shrink when they are not used', async (t) => {
  const server = createServer()
  const sizes: number[] = []
  server.on('session', (session: ServerHttp2Session) => {
    const windowSizes = completeSizes({})
    const budget = new ReceiveBudget(windowSizes.sessionBudget)
    const tuner = new WindowTuner(session, windowSizes, budget, undefined, 200)
    session.on('stream', (stream: ServerHttp2Stream) => {
      const refuse = (): void => { t.fail('there is room') }
      const receiver = new StreamReceiver(stream, { budget, tuner, refuse, removeStream () {} })
      receiver.isSocket = true
      budget.add(receiver)
      stream.respond()
      stream.resume()
    })
    session.on('localSettings', ({ initialWindowSize }) => {
      sizes.push(initialWindowSize!)
      if (initialWindowSize === 65_535 && Math.max(...sizes) > MEGABYTE) server.emit('shrunk', tuner)
    })
    tuner.openConnection()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { maxSessionMemory: 100 })
  t.teardown(() => { client.destroy(); server.close() })

  client.request({ ':method': 'POST' }).end(Buffer.alloc(32 * MEGABYTE))
  const [tuner] = await once(server, 'shrunk') as [WindowTuner]
  t.equal(tuner.size, 65_535)
  t.ok(Math.max(...sizes) <= 16 * MEGABYTE)
})
