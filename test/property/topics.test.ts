import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import fc from 'fast-check'
import t from 'tap'
import type { PreparedMessage, PublishOptions, WebSocket } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import { H1_BESIDE_H2, start } from '../helpers/transports.ts'
import { roundTrip } from '../helpers/waiting.ts'
import { testProperty, waitUntil } from './property.ts'
import { TopicModel } from './topic-model.ts'
import type { Subscriber } from './topic-model.ts'

/** A message: what is passed to the method, and the description of what has to arrive. */
interface Message {
  data: string | object
  /** Data for `send()`, which does not take objects. */
  sent: string | Buffer | PreparedMessage
  description: string
}

type Kind = 'text' | 'binary' | 'json' | 'prepared text' | 'prepared binary'

interface Real {
  model: TopicModel
  subscribers: Subscriber[]
}

const TOPICS = ['a', 'b', 'c']
/** HTTP version of each socket of a run, and whether it compresses. */
const SHAPES = [['1.1', false], ['2', false], ['2', true], ['1.1', true], ['2', false]] as const

const opened = new Map<string, WebSocket>()
const fixture = await start(t as never, H1_BESIDE_H2, (app) => {
  app.get('/:id', { websocket: true }, (socket, { url }) => {
    opened.set(url, socket)
    socket.on('error', () => {})
  })
}, { heartbeat: 0, options: { perMessageDeflate: { threshold: 100 } } })
const { websocketServer } = fixture.app
/** Runs that share a session. A server ends one whose streams are reset too often (CVE-2023-44487). */
const RUNS_PER_SESSION = 100
let session = openSession(fixture.origin, { rejectUnauthorized: false })
t.teardown(() => session.destroy())
let count = 0
let runs = 0

function renewSession (): void {
  session.close()
  session = openSession(fixture.origin, { rejectUnauthorized: false })
}

async function open (http: '1.1' | '2', perMessageDeflate: boolean): Promise<Subscriber> {
  const path = `/${count++}`
  const client = http === '2'
    ? connect(session, { path, perMessageDeflate })
    : connect(fixture.origin.replace('http', 'ws') + path, { http, rejectUnauthorized: false, perMessageDeflate })
  const received: string[] = []
  client.on('error', () => {}).on('message', (data: Buffer, isBinary) => received.push(describe(isBinary, data)))
  await once(client, 'open')
  const socket = opened.get(path)!
  opened.delete(path)
  const closed = new Promise((resolve) => client.once('close', resolve))
  return { client, socket, received, closed }
}

function describe (isBinary: boolean, data: Buffer): string {
  const text = String(data)
  return `${isBinary ? 'binary' : 'text'} ${text.length} ${text.slice(0, 20)}`
}

function create (kind: Kind, size: number): Message {
  const text = `${count++} ${'x'.repeat(size)}`
  const json = { text }
  const isBinary = kind.endsWith('binary')
  const bytes = Buffer.from(text)
  const plain = isBinary ? bytes : kind === 'json' ? JSON.stringify(json) : text
  const description = describe(isBinary, Buffer.from(plain))
  if (!kind.startsWith('prepared')) return { data: kind === 'json' ? json : plain, sent: plain, description }
  const prepared = websocketServer.prepare(plain)
  return { data: prepared, sent: prepared, description }
}

// Each command calls one method, and compares its result with that of the model.

type Command = ({ model, subscribers }: Real) => unknown

const socket = fc.nat(SHAPES.length - 1)
const topic = fc.constantFrom(...TOPICS)
const message = fc.tuple(
  fc.constantFrom<Kind>('text', 'binary', 'json', 'prepared text', 'prepared binary'),
  fc.oneof({ weight: 8, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.constantFrom(16_384, 70_000) })
)
const except = fc.oneof(fc.constant(undefined), socket, fc.array(socket, { maxLength: 3 }))

function toOption (subscribers: Subscriber[], chosen: number | number[] | undefined): PublishOptions {
  if (chosen === undefined) return {}
  if (typeof chosen === 'number') return { except: subscribers[chosen]!.socket }
  return { except: chosen.map((index) => subscribers[index]!.socket) }
}

function command<Values extends unknown[]> (
  name: string, weight: number, arbitraries: { [Index in keyof Values]: fc.Arbitrary<Values[Index]> },
  run: (real: Real, ...values: Values) => unknown
): { weight: number, arbitrary: fc.Arbitrary<Command> } {
  const arbitrary = fc.tuple(...arbitraries).map((values): Command => {
    const toString = (): string => `${name} ${JSON.stringify(values)}`
    return Object.assign((real: Real) => run(real, ...values as Values), { [fc.toStringMethod]: toString })
  })
  return { weight, arbitrary }
}

const commands = fc.array(fc.oneof(
  command('subscribe', 6, [socket, topic], ({ model, subscribers }, index, topic) => {
    subscribers[index]!.socket.subscribe(topic)
    model.subscribe(index, topic)
  }),
  command('unsubscribe', 2, [socket, topic], ({ model, subscribers }, index, topic) => {
    subscribers[index]!.socket.unsubscribe(topic)
    model.unsubscribe(index, topic)
  }),
  command('publish', 8, [topic, message, except, fc.boolean()], ({ model, subscribers }, topic, shape, chosen, compress) => {
    const { data, sent, description } = create(...shape)
    const options = data === sent && typeof data === 'string' ? { compress } : {}
    const taken = websocketServer.publish(topic, data, { ...toOption(subscribers, chosen), ...options })
    assert.equal(taken, model.publish(topic, description, [chosen ?? []].flat()))
  }),
  command('socket.publish', 4, [socket, topic, message, except], ({ model, subscribers }, index, topic, shape, chosen) => {
    const { data, description } = create(...shape)
    const taken = subscribers[index]!.socket.publish(topic, data, toOption(subscribers, chosen))
    assert.equal(taken, model.publish(topic, description, [index, chosen ?? []].flat()))
  }),
  command('broadcast', 2, [message, except], ({ model, subscribers }, shape, chosen) => {
    const { data, description } = create(...shape)
    const taken = websocketServer.broadcast(data, toOption(subscribers, chosen))
    assert.equal(taken, model.broadcast(description, [chosen ?? []].flat()))
  }),
  command('send', 4, [socket, message], ({ model, subscribers }, index, shape) => {
    const { sent, description } = create(...shape)
    // Anything but a prepared message would be a fragment of the message that is being sent.
    if (model.isInMessage(index) && !('byteLength' in Object(sent) && 'isBinary' in Object(sent))) return
    subscribers[index]!.socket.send(sent as Buffer)
    model.send(index, description)
  }),
  command('fragment', 4, [socket, fc.nat(200), fc.boolean()], ({ model, subscribers }, index, size, fin) => {
    const text = `${count++} ${'y'.repeat(size)}`
    subscribers[index]!.socket.send(text, { fin })
    model.fragment(index, text, fin, (all) => describe(false, Buffer.from(all)))
  }),
  command('close', 1, [socket], ({ model, subscribers }, index) => {
    subscribers[index]!.socket.close(1000)
    model.end(index)
  }),
  command('terminate', 1, [socket], ({ model, subscribers }, index) => {
    subscribers[index]!.socket.terminate()
    model.end(index, { mayLose: true })
  }),
  command('close of the client', 1, [socket], ({ model, subscribers }, index) => {
    subscribers[index]!.client.close(1000)
    model.allowLoss(index)
  }),
  command('terminate of the client', 1, [socket], ({ model, subscribers }, index) => {
    subscribers[index]!.client.terminate()
    model.allowLoss(index)
  }),
  command('wait', 2, [socket], async ({ subscribers }, index) => {
    const { client, closed } = subscribers[index]!
    if (client.readyState === client.OPEN) await Promise.race([roundTrip(client), closed])
  }),
  command('check', 2, [], ({ model, subscribers }) => {
    for (const [index, { socket }] of subscribers.entries()) {
      if (socket.readyState === socket.OPEN) assert.deepEqual([...socket.topics].sort(), model.topicsOf(index))
    }
    for (const topic of TOPICS) assert.ok(websocketServer.subscribers(topic) >= model.subscribersOf(topic))
  })
), { maxLength: 80, size: 'max' })

await testProperty('each socket receives what was published to its topics and sent to it, in the order of the calls',
  { runs: 120 }, commands, async (commands) => {
    if (++runs % RUNS_PER_SESSION === 0) renewSession()
    const subscribers = await Promise.all(SHAPES.map(([http, perMessageDeflate]) => open(http, perMessageDeflate)))
    const model = new TopicModel(subscribers)
    const { delivered } = websocketServer.stats().topics
    for (const run of commands) await run({ model, subscribers })
    assert.equal(websocketServer.stats().topics.delivered - delivered, model.delivered)

    for (const { socket } of subscribers) socket.close(1000)
    await Promise.all(subscribers.map(({ closed }) => closed))
    await waitUntil(() => websocketServer.clients.size === 0, 'all sockets are closed')
    model.check()
    const { open: topics, subscriptions } = websocketServer.stats().topics
    assert.deepEqual({ topics, subscriptions }, { topics: 0, subscriptions: 0 })
    for (const { socket } of subscribers) assert.equal(socket.topics.size, 0)
  })
