import { EventEmitter, once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { AnswerJoiner } from '../../../lib/http2/answer-joiner.ts'
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
      const answers = new AnswerJoiner()
      const receiver = new StreamReceiver(stream, { budget, tuner, answers, refuse, removeStream () {} })
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

void t.test('a session that is destroyed before the answer to a PING is read is not measured any further', async (t) => {
  for (const round of [1, 2]) {
    const session = new MeasuredSession()
    const sizes = completeSizes({})
    const tuner = new WindowTuner(session as never, sizes, new ReceiveBudget(sizes.sessionBudget))
    tuner.read({ stream: { state: {} }, unread: 0, bytes: 0, round: 0, window: sizes.initial } as never, sizes.initial)
    await once(session, 'ping')
    for (let answer = 1; answer < round; answer++) session.answer()
    session.destroyed = true
    t.doesNotThrow(() => session.answer())
    t.equal(tuner.size, sizes.initial)
  }
})

void t.test('windows grow as soon as a stream has received 0.45 of its window, before any PING is answered', async (t) => {
  const session = new MeasuredSession()
  const sizes = completeSizes({})
  const { initial } = sizes
  const tuner = new WindowTuner(session as never, sizes, new ReceiveBudget(sizes.sessionBudget))
  const stream = { stream: { state: {} }, unread: 0, bytes: 0, round: 0, window: initial } as never
  tuner.read(stream, initial)
  await once(session, 'ping')

  tuner.read(stream, Math.floor(0.44 * initial))
  await setImmediate()
  t.equal(tuner.size, initial, 'less leaves it to the PINGs')

  tuner.read(stream, Math.ceil(0.02 * initial))
  await setImmediate()
  t.same(session.windows, [2 * initial - 1024])
  t.equal(tuner.size, 2 * initial - 1024)

  session.answer()
  t.equal(session.windows.length, 1, 'the answer ends no other round')
})

/** Session of Node whose methods throw when it is destroyed. */
class MeasuredSession extends EventEmitter {
  destroyed = false
  /** Sizes of windows that were sent. */
  readonly windows: number[] = []
  #onAnswer: ((error: Error | null) => void) | undefined

  ping (onAnswer: (error: Error | null) => void): void {
    if (this.destroyed) throw new Error('The session has been destroyed')
    this.#onAnswer = onAnswer
    this.emit('ping')
  }

  settings ({ initialWindowSize }: { initialWindowSize: number }): void {
    if (this.destroyed) throw new Error('The session has been destroyed')
    this.windows.push(initialWindowSize)
  }

  answer (): void {
    this.#onAnswer!(null)
  }
}
