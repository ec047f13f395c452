import assert from 'node:assert/strict'
import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import type { WebSocket } from '../../index.ts'
import { H1, H2C, start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { testProperty, waitUntil } from './property.ts'

/** A consumer of the messages of a socket, and the numbers of those that it received. */
interface Consumer {
  /** Number of the first message that no consumer had received when this one began to listen. */
  first: number
  received: number[]
  /** Number of the first message that no consumer had received when this one left. */
  end: number
  leave (): void
}

/** A loop that takes one message with each call of `step`. */
interface SteppedLoop extends Consumer {
  step (): void
}

/** Limit of the bytes in flight, so that the client's window does not close. */
const MAX_BYTES = 60_000

/** A socket of the server, its client, and its consumers. */
class Run {
  readonly server: WebSocket
  readonly client: WebSocket
  readonly consumers: Consumer[] = []
  readonly listeners: Consumer[] = []
  readonly stepped: SteppedLoop[] = []
  /** Loops that have not ended. */
  loops = 0
  sent = 0
  #bytes = 0
  /** Number of messages that a consumer has received. */
  #received = 0
  #isPaused = false

  constructor (server: WebSocket, client: WebSocket) {
    this.server = server
    this.client = client
  }

  send (count: number, size: number): void {
    for (let index = 0; index < count && this.#bytes + size + 20 < MAX_BYTES; index++) {
      this.client.send(`${this.sent++} ${'x'.repeat(size)}`)
      this.#bytes += size + 20
    }
  }

  listen (): Consumer {
    const consumer = this.#add()
    const listener = (data: Buffer): void => this.#record(consumer, data)
    consumer.leave = () => { this.server.off('message', listener) }
    this.server.on('message', listener)
    this.listeners.push(consumer)
    return consumer
  }

  listenOnce (): void {
    const consumer = this.#add()
    this.server.once('message', (data) => {
      this.#record(consumer, data as Buffer)
      this.#leave(consumer)
    })
  }

  /** Takes some messages in a loop, waits for turns of the event loop between them, and leaves the loop. */
  async loop (count: number, turns: number): Promise<void> {
    this.loops++
    const consumer = this.#add()
    for await (const text of this.server) {
      this.#record(consumer, text)
      if (consumer.received.length === count) break
      await waitTurns(turns)
    }
    if (consumer.received.length === count) this.#leave(consumer)
    this.loops--
  }

  iterate (): void {
    const iterator = this.server[Symbol.asyncIterator]()
    let waiting = 0
    const loop: SteppedLoop = Object.assign(this.#add(), {
      step: (): void => {
        waiting++
        void iterator.next().then(({ done, value }) => {
          waiting--
          if (done !== true) this.#record(loop, value)
        })
      },
      leave: (): void => {
        void iterator.return().then(() => assert.equal(waiting, 0, 'next() still waits after return()'))
      }
    })
    loop.step()
    this.stepped.push(loop)
  }

  leave (list: Consumer[], index: number): void {
    if (list.length === 0) return
    const [consumer] = list.splice(index % list.length, 1)
    consumer!.leave()
    this.#leave(consumer!)
  }

  step (index: number): void {
    this.stepped[index % this.stepped.length]?.step()
  }

  pause (): void {
    this.server.pause()
    this.#isPaused = true
  }

  resume (): void {
    this.#isPaused = false
    this.server.resume()
  }

  /** Lets the connection read to its end. */
  release (): void {
    this.resume()
    while (this.stepped.length > 0) this.leave(this.stepped, 0)
  }

  /** Compares the messages of each consumer with those that were sent while it listened. */
  check (isCut: boolean): void {
    const all = new Set(this.consumers.flatMap(({ received }) => received))
    assert.deepEqual([...all].sort((a, b) => a - b), numbers(0, isCut ? all.size : this.sent), 'messages were lost')
    for (const { first, received, end } of this.consumers) {
      assert.deepEqual(received, numbers(first, first + received.length))
      assert.ok(first + received.length <= end)
    }
    for (const { first, received } of this.listeners) assert.equal(first + received.length, this.#received)
  }

  #add (): Consumer {
    const consumer: Consumer = { first: this.#received, received: [], end: Infinity, leave () {} }
    this.consumers.push(consumer)
    return consumer
  }

  #leave (consumer: Consumer): void {
    consumer.end = this.#received
  }

  #record (consumer: Consumer, data: Buffer | string): void {
    const number = parseInt(String(data))
    assert.ok(!this.#isPaused || this.server.readyState === this.server.CLOSED, 'a message was emitted while paused')
    consumer.received.push(number)
    this.#received = Math.max(this.#received, number + 1)
  }
}

interface Action {
  description: string
  act: (run: Run) => unknown
}

function numbers (from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

/** Lets loops record the messages that they have taken, before the next callback of `process.nextTick`. */
async function settlePromises (): Promise<void> {
  for (let count = 0; count < 200; count++) await null
}

const index = fc.nat(3)
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 24 }), fc.constantFrom(0, 0, 0, 700)).map(([count, size]) => ({
      description: `send ${count} of ${size}`, act: (run: Run) => run.send(count, size)
    }))
  },
  { weight: 6, arbitrary: fc.nat(3).map((count) => ({ description: `turns ${count}`, act: () => waitTurns(count) })) },
  { weight: 2, arbitrary: fc.constant({ description: 'listen', act: (run: Run) => { run.listen() } }) },
  {
    weight: 3,
    arbitrary: index.map((at) => ({ description: `off ${at}`, act: (run: Run) => run.leave(run.listeners, at) }))
  },
  { weight: 3, arbitrary: fc.constant({ description: 'once', act: (run: Run) => run.listenOnce() }) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.nat(3)).map(([count, turns]) => ({
      description: `for await ${count}, ${turns} turns`, act: (run: Run) => { void run.loop(count, turns) }
    }))
  },
  { weight: 2, arbitrary: fc.constant({ description: 'iterate', act: (run: Run) => run.iterate() }) },
  { weight: 6, arbitrary: index.map((at) => ({ description: `next ${at}`, act: (run: Run) => run.step(at) })) },
  {
    weight: 3,
    arbitrary: index.map((at) => ({ description: `return ${at}`, act: (run: Run) => run.leave(run.stepped, at) }))
  },
  { weight: 2, arbitrary: fc.constant({ description: 'pause', act: (run: Run) => run.pause() }) },
  { weight: 3, arbitrary: fc.constant({ description: 'resume', act: (run: Run) => run.resume() }) }
).map((action: Action) => {
  const { description } = action
  return { ...action, toString: () => description, [fc.toStringMethod]: () => description }
})

/** Ways in which a socket ends. */
const ends: Record<string, (run: Run) => unknown> = {
  'the client closes' (run) {
    run.release()
    run.client.close()
  },
  'the server closes' (run) {
    run.release()
    run.server.close()
  },
  'the server terminates it' (run) { run.server.terminate() },
  async 'the client is lost' (run) {
    run.client.terminate()
    await waitTurns(3)
    // Over TCP a server that does not read does not notice it.
    run.release()
  }
}
const isCut = ['the server terminates it', 'the client is lost']

const sockets = new Map<string, WebSocket>()
const fixtures = await Promise.all([
  serve(H1, true), serve(H1, false), serve(H2C, true), serve(H2C, false)
])
let count = 0

async function serve (transport: Transport, allowSynchronousEvents: boolean): Promise<Fixture> {
  return await start(t as never, transport, (app) => {
    app.get('/:number', { websocket: true }, async (socket, { url }) => {
      sockets.set(url, socket)
      // No message is dropped while the handler runs.
      await new Promise((resolve) => socket.on('close', resolve))
    })
  }, { errorHandler: () => {}, heartbeat: 0, options: { allowSynchronousEvents } })
}

await testProperty('each consumer receives all messages while it listens, once and in order, and the rest goes to the next one',
  { runs: 200 },
  fc.tuple(fc.nat(fixtures.length - 1), fc.array(action, { maxLength: 40, size: 'max' }), fc.constantFrom(...Object.keys(ends))),
  async ([which, actions, end]) => {
    const path = `/${count++}`
    const client = await fixtures[which]!.open(path)
    client.on('error', () => {})
    const server = sockets.get(path)!
    sockets.delete(path)
    server.setMaxListeners(0)
    const run = new Run(server, client)
    const closed = once(server, 'close')

    for (const { act } of actions) {
      await act(run)
      await settlePromises()
    }
    run.listen()
    await ends[end]!(run)
    await closed
    await waitUntil(() => run.loops === 0, 'the loops end')
    await waitTurns(1)
    run.check(isCut.includes(end))
  })
