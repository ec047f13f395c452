import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { recordTexts } from '../helpers/texts.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextMessage, nextText, roundTrip, waitTurns, waitUntil } from '../helpers/waiting.ts'

/** Adds routes whose sockets subscribe to the topics of their path: /topics/a,b */
export function addTopics (app: FastifyInstance): void {
  app.get('/topics/:topics', { websocket: true }, (socket, { params }) => {
    for (const topic of (params as { topics: string }).topics.split(',')) socket.subscribe(topic)
  })
}

/** Returns the sockets of a server, in the order in which they were opened. */
export function serverSockets ({ app }: Fixture): WebSocket[] {
  return [...app.websocketServer.clients]
}

/** Waits until clients have received everything that was sent to them. */
export async function allReceived (clients: WebSocket[]): Promise<void> {
  await Promise.all(clients.map(roundTrip))
}

const NOTHING = { open: 0, subscriptions: 0 }

/** Subscriptions, and messages that are published to them. */
export function testTopics (transport: Transport): void {
  const scenario = scenarios(transport)

  // Subscriptions

  scenario('a socket subscribes to topics, and receives what is published to them until it unsubscribes', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a,b')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    t.same([...socket.topics], ['a', 'b'])
    t.same([websocketServer.subscribers('a'), websocketServer.subscribers('c')], [1, 0])
    t.equal(websocketServer.publish('a', 'one'), 1)
    t.equal(websocketServer.publish('b', 'two'), 1)
    t.equal(websocketServer.publish('c', 'nobody'), 0)
    socket.unsubscribe('a')
    t.same([...socket.topics], ['b'])
    t.equal(websocketServer.publish('a', 'too late'), 0)
    socket.subscribe('a')
    t.equal(websocketServer.publish('a', 'three'), 1)
    await roundTrip(client)
    t.same(texts, ['one', 'two', 'three'])
  })

  scenario('a second subscription to a topic changes nothing, nor does the end of one that does not exist', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a,a,a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    socket.unsubscribe('b')
    socket.unsubscribe('A')
    t.same([...socket.topics], ['a'])
    t.equal(websocketServer.publish('a', 'once'), 1)
    socket.unsubscribe('a')
    socket.unsubscribe('a')
    t.equal(websocketServer.subscribers('a'), 0)
    await roundTrip(client)
    t.same(texts, ['once'])
  })

  scenario('topics are compared exactly: case, wildcards, separators and the empty string mean nothing', (app) => {
    app.get('/', { websocket: true }, () => {})
  }, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    const topics = ['', 'a', 'A', 'a/#', 'a/+', '#', '*', 'a/b', ' a', '__proto__', 'constructor', 'é', 'e\u0301', '\ud800']
    for (const topic of topics) socket.subscribe(topic)
    t.same([...socket.topics], topics)
    for (const topic of [...topics, 'b', 'a/c', 'a ', 'toString']) {
      t.equal(websocketServer.publish(topic, JSON.stringify(topic)), topics.includes(topic) ? 1 : 0, topic)
    }
    await roundTrip(client)
    t.same(texts, topics.map((topic) => JSON.stringify(topic)))
  })

  scenario('socket.topics is read-only', addTopics, async (t, fixture) => {
    await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const topics = socket.topics as Set<string>
    t.ok(topics instanceof Set)
    t.throws(() => topics.add('b'), { name: 'TypeError', message: /call socket\.subscribe\(\)/ })
    t.throws(() => topics.delete('a'), { name: 'TypeError', message: /call socket\.unsubscribe\(\)/ })
    t.throws(() => topics.clear(), { name: 'TypeError', message: /call socket\.unsubscribe\(\)/ })
    t.same([...socket.topics], ['a'])
    t.equal(fixture.app.websocketServer.subscribers('b'), 0)
  })

  scenario('the callback of subscribe() is called once, asynchronously, without arguments and in its async context', addTopics, async (t, fixture) => {
    await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const storage = new AsyncLocalStorage<string>()
    const calls: unknown[] = []
    for (const topic of ['a', 'b']) {
      storage.run(topic, () => socket.subscribe(topic, (...parameters) => calls.push([storage.getStore(), parameters])))
    }
    t.same(calls, [])
    await waitTurns(2)
    t.same(calls, [['a', []], ['b', []]])
  })

  scenario('a topic that is no string throws FST_WS_INVALID_TOPIC, and subscribes to nothing', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    for (const topic of [undefined, null, 5, ['a'], Object('a'), Symbol('a')] as never[]) {
      for (const call of [
        () => socket.subscribe(topic), () => socket.unsubscribe(topic), () => socket.publish(topic, 'x'),
        () => websocketServer.publish(topic, 'x'), () => websocketServer.subscribers(topic)
      ]) t.throws(call, { code: 'FST_WS_INVALID_TOPIC' })
    }
    t.same([...socket.topics], ['a'])
    t.match(websocketServer.stats().topics, { open: 1, subscriptions: 1, published: 0 })
  })

  // The end of subscriptions

  const ends: Array<[title: string, end: (socket: WebSocket, client: WebSocket, fixture: Fixture) => unknown]> = [
    ['the client closes it', (_socket, client) => client.close()],
    ['the client terminates it', (_socket, client) => client.terminate()],
    ['close() is called', (socket) => socket.close()],
    ['terminate() is called', (socket) => socket.terminate()],
    ['its connection is lost', (_socket, client, { session }) => session === undefined ? client.terminate() : session.destroy()],
    ['all of its listeners were removed', (socket) => socket.removeAllListeners().close()],
    ['all of its listeners were removed, and it is terminated', (socket) => socket.removeAllListeners().terminate()],
    ['its client violates the protocol', (_socket, client) => client.send(Buffer.alloc(2000))],
    ['drain() closes it', (_socket, _client, { app }) => app.websocketServer.drain({ over: 0 })],
    ['Fastify closes', (_socket, _client, { app }) => app.close()]
  ]
  for (const [title, end] of ends) {
    scenario(`the subscriptions of a socket end when ${title}`, addTopics, async (t, fixture) => {
      const { app: { websocketServer } } = fixture
      const client = await fixture.open('/topics/a,b')
      client.on('error', () => {})
      const [socket] = serverSockets(fixture) as [WebSocket]
      t.match(websocketServer.stats().topics, { open: 2, subscriptions: 2 })
      const ended = end(socket, client, fixture)
      await waitUntil(() => websocketServer.stats().topics.open === 0, 'the subscriptions end')
      await ended
      t.match(websocketServer.stats().topics, NOTHING)
      t.same([...socket.topics], [])
      socket.subscribe('a', () => t.fail('it has closed'))
      socket.unsubscribe('b')
      t.match(websocketServer.stats().topics, NOTHING)
      t.equal(websocketServer.publish('a', 'nobody'), 0)
    }, { options: { maxPayload: 1000 } })
  }

  scenario('a socket that is closing cannot subscribe, and receives nothing more', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    websocketServer.publish('a', 'last')
    socket.close(4000)
    socket.subscribe('b')
    t.same([...socket.topics], ['a'])
    t.equal(websocketServer.publish('a', 'too late'), 0)
    t.equal(websocketServer.broadcast('too late'), 0)
    t.equal((await closed(client)).code, 4000)
    t.same(texts, ['last'])
    await waitUntil(() => websocketServer.stats().topics.open === 0, 'the subscriptions end')
  })

  scenario('a listener of "close" cannot subscribe again, also if the user has emitted "close"', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    socket.on('close', () => socket.subscribe('again'))
    socket.emit('close', 1000, Buffer.alloc(0))
    socket.subscribe('b')
    t.match(websocketServer.stats().topics, NOTHING)
    const end = closed(client)
    socket.close(4000)
    await end
    await waitUntil(() => websocketServer.clients.size === 0)
    t.match(websocketServer.stats().topics, NOTHING)
  })

  scenario('a user who replaces readyState leaves no subscription behind', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    Object.defineProperty(socket, 'readyState', { value: socket.OPEN })
    const end = once(socket, 'close')
    client.terminate()
    await end
    socket.subscribe('b')
    t.same([...socket.topics], [])
    t.match(websocketServer.stats().topics, NOTHING)
    t.equal(websocketServer.publish('b', 'nobody'), 0)
  })

  // Publishing

  scenario('the server publishes to all sockets of a topic, of all routes, and counts them', (app) => {
    addTopics(app)
    app.get('/other', { websocket: true }, (socket) => socket.subscribe('a'))
    app.get('/none', { websocket: true }, () => {})
  }, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const clients = await Promise.all(['/topics/a', '/topics/a,b', '/other', '/topics/b', '/none'].map((path) => fixture.open(path)))
    const texts = clients.map(recordTexts)
    t.equal(websocketServer.subscribers('a'), 3)
    t.equal(websocketServer.publish('a', 'to a'), 3)
    t.equal(websocketServer.publish('b', 'to b'), 2)
    await allReceived(clients)
    t.same(texts, [['to a'], ['to a', 'to b'], ['to a'], ['to b'], []])
  })

  scenario('socket.publish() leaves out the socket itself, which need not subscribe', (app) => {
    app.get<{ Params: { topic: string } }>('/topics/:topic', { websocket: true }, (socket, request) => {
      socket.subscribe(request.params.topic)
      socket.on('message', (data) => socket.send(`sent to ${socket.publish('a', String(data))}`))
    })
  }, async (t, fixture) => {
    const clients = await Promise.all(['a', 'a', 'a', 'b'].map((topic) => fixture.open(`/topics/${topic}`)))
    const texts = clients.map(recordTexts)
    clients[0]!.send('hello')
    await allReceived(clients)
    clients[3]!.send('from outside')
    await allReceived(clients)
    await allReceived(clients)
    t.same(texts, [
      ['sent to 2', 'from outside'], ['hello', 'from outside'], ['hello', 'from outside'], ['sent to 3']
    ])
  })

  scenario('a listener of "close" publishes to the other sockets of a topic', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      socket.subscribe('a')
      socket.on('close', (code) => app.server.emit('published', socket.publish('a', `left with ${code}`)))
    })
  }, async (t, { app, open }) => {
    const [leaving, staying] = [await open('/'), await open('/')]
    const published = once(app.server, 'published')
    const received = nextText(staying)
    leaving.close(4000)
    t.equal(await received, 'left with 4000')
    t.same(await published, [1])
  })

  scenario('except leaves out a socket, or sockets', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const clients = await Promise.all(['a', 'a', 'a'].map((topic) => fixture.open(`/topics/${topic}`)))
    const texts = clients.map(recordTexts)
    const [first, second, third] = serverSockets(fixture) as [WebSocket, WebSocket, WebSocket]
    const counts = [
      websocketServer.publish('a', '1', { except: first }),
      websocketServer.publish('a', '2', { except: [first, second] }),
      websocketServer.publish('a', '3', { except: new Set([third]) }),
      websocketServer.publish('a', '4', { except: websocketServer.clients }),
      websocketServer.publish('a', '5', { except: [] }),
      websocketServer.publish('a', '6', { except: undefined }),
      first.publish('a', '7', { except: second }),
      first.publish('a', '8', { except: first }),
      websocketServer.broadcast('9', { except: (function * () { yield second; yield third })() })
    ]
    t.same(counts, [2, 1, 2, 0, 3, 3, 1, 2, 1])
    await allReceived(clients)
    // The clients are not in the order of their sockets, which opened at the same time.
    t.same(texts.map((each) => each.join('')).sort(), ['125678', '13568', '3569'])
  })

  scenario('strings and bytes are published as they are, and objects as JSON', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const bytes = Buffer.from([0, 255, 128])
    const text = Buffer.from('grüße')
    const messages: Array<[data: string | object, options: { binary?: boolean }, expected: Buffer | string]> = [
      ['grüße', {}, 'grüße'],
      ['', {}, ''],
      ['bytes', { binary: true }, Buffer.from('bytes')],
      [bytes, {}, bytes],
      [new Uint8Array(bytes), {}, bytes],
      [bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 3), {}, bytes],
      [new DataView(bytes.buffer, bytes.byteOffset + 1, 2), {}, bytes.subarray(1)],
      [text, { binary: false }, 'grüße'],
      [{ text: 'grüße', list: [1, null] }, {}, '{"text":"grüße","list":[1,null]}'],
      [[1, 2], {}, '[1,2]'],
      [{ toJSON: () => 'other' }, {}, '"other"'],
      [new Date(0), {}, '"1970-01-01T00:00:00.000Z"'],
      ['x'.repeat(70_000), {}, 'x'.repeat(70_000)]
    ]
    for (const [data, options, expected] of messages) {
      const received = nextMessage(client)
      t.equal(websocketServer.publish('a', data, options), 1)
      const { data: actual, isBinary } = await received
      t.strictSame(isBinary ? actual : String(actual), expected)
    }
  })

  scenario('data that is changed after publish() is sent as it was', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const data = Buffer.alloc(2000, 'a')
    const received = nextText(client)
    websocketServer.publish('a', data)
    data.fill('b')
    t.equal(await received, 'a'.repeat(2000))
  })

  scenario('a message or an option that is invalid throws, and nobody receives anything', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    const send = (data: unknown, options?: unknown): Array<() => unknown> => [
      () => websocketServer.publish('a', data as string, options as object),
      () => socket.publish('a', data as string, options as object),
      () => websocketServer.broadcast(data as string, options as object)
    ]
    const circular: { self?: object } = {}
    circular.self = circular
    for (const call of [undefined, () => {}, Symbol('a'), new Blob(['a'])].flatMap((data) => send(data))) {
      t.throws(call, { code: 'FST_WS_INVALID_MESSAGE' })
    }
    for (const call of send(Buffer.of(0xff), { binary: false })) t.throws(call, { code: 'FST_WS_INVALID_MESSAGE' })
    const cause = new Error('broken')
    for (const call of send(circular)) t.throws(call, { code: 'FST_WS_INVALID_MESSAGE', cause: { name: 'TypeError' } })
    for (const call of send({ toJSON () { throw cause } })) t.throws(call, { code: 'FST_WS_INVALID_MESSAGE', cause })
    for (const options of [{ binary: 'yes' }, { compress: 1 }, { except: 'me' }, { exept: socket }, 5]) {
      for (const call of send('x', options)) t.throws(call, { code: 'FST_WS_INVALID_OPTION' })
    }
    for (const call of send('x', { except: { * [Symbol.iterator] () { throw new Error('broken') } } })) t.throws(call, { message: 'broken' })
    for (const options of [undefined, null, { except: null }]) websocketServer.publish('a', 'valid', options as object)
    await roundTrip(client)
    t.same(texts, ['valid', 'valid', 'valid'])
    t.match(websocketServer.stats(), { topics: { published: 3 }, messages: { sent: 3 } })
  })

  scenario('on one socket, messages keep the order of publish(), broadcast() and send() calls', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a,b')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    const prepared = websocketServer.prepare('prepared')
    socket.send('1')
    websocketServer.publish('a', '2')
    socket.send('3'.repeat(100_000))
    websocketServer.broadcast('4')
    socket.send(new Blob(['5']))
    websocketServer.publish('b', '6')
    socket.send(prepared)
    socket.send(new Blob(['7']))
    websocketServer.publish('a', prepared)
    socket.send('8')
    await waitUntil(() => texts.length === 10)
    t.same(texts.map((text) => text.replace(/3+/, '3')), ['1', '2', '3', '4', '5', '6', 'prepared', '7', 'prepared', '8'])
  })

  scenario('a message that is published while another one is sent in fragments follows its last fragment', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    socket.send('frag', { fin: false })
    t.equal(websocketServer.publish('a', 'published'), 1)
    socket.send(websocketServer.prepare('prepared'))
    socket.ping()
    socket.send('ment', { fin: false })
    t.equal(websocketServer.broadcast('broadcast'), 1)
    socket.send('ed', { fin: true })
    socket.send('next')
    await roundTrip(client)
    t.same(texts, ['fragmented', 'published', 'prepared', 'broadcast', 'next'])
  })

  scenario('a message that is published between fragments is not sent if the socket closes before the last one', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const texts = recordTexts(client)
    socket.send('frag', { fin: false })
    const sent = new Promise((resolve) => socket.send(websocketServer.prepare('never'), resolve))
    socket.close(4000)
    t.equal((await closed(client)).code, 4000)
    t.match(await sent, { code: 'FST_WS_NOT_SENT' })
    t.same(texts, [])
  })

  // Clients

  scenario('a client has no topics: its methods throw FST_WS_NO_TOPICS', addEcho, async (t, fixture) => {
    const http = transport.httpVersion === '2.0' ? '2' : '1.1'
    for (const client of [await fixture.open('/echo'), await fixture.app.injectWS('/echo', {}, { http })]) {
      t.throws(() => client.subscribe('a'), { code: 'FST_WS_NO_TOPICS' })
      t.throws(() => client.unsubscribe('a'), { code: 'FST_WS_NO_TOPICS' })
      t.throws(() => client.publish('a', 'x'), { code: 'FST_WS_NO_TOPICS' })
      try { (client.topics as Set<string>).add('mine') } catch {}
      t.same([...client.topics], [])
      const echoed = nextText(client)
      client.send(fixture.app.websocketServer.prepare('prepared'))
      t.equal(await echoed, 'prepared')
      client.terminate()
    }
    t.same([...(await fixture.open('/echo')).topics], [])
  })
}
