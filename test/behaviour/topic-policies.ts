import { once } from 'node:events'
import { WebSocket as WsWebSocket } from 'ws'
import type { BackpressureMessage, SlowConsumerMessage, WebSocket } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import { record } from '../helpers/channels.ts'
import { ERROR, errorsIn, linesWithError } from '../helpers/logs.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { recordTexts } from '../helpers/texts.ts'
import { H1_BESIDE_H2, scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextText, roundTrip, waitTurns, waitUntil } from '../helpers/waiting.ts'
import { addTopics, allReceived, serverSockets } from './topics.ts'

const LARGE = Buffer.alloc(MIB)
/** More than the buffers of both ends hold. */
const FLOOD = 64

/** Limits, compression, classes and monitoring of sockets that receive published messages. */
export function testTopicPolicies (transport: Transport): void {
  const scenario = scenarios(transport)

  // Slow sockets

  for (const [slowConsumer, code] of [['drop', undefined], ['close', 1008]] as const) {
    scenario(`a slow socket ${code === undefined ? 'drops published messages' : 'is closed'}, and the others receive everything in order`, addTopics, async (t, fixture) => {
      const { app: { websocketServer }, logs } = fixture
      const slow = await fixture.open('/topics/a')
      const [slowSocket] = serverSockets(fixture) as [WebSocket]
      const fast = [await fixture.open('/topics/a'), await fixture.open('/topics/a')]
      const received = fast.map(recordFirstBytes)
      slow.pause()
      // A connection that is not read takes more data now and then, because the buffers of the system grow.
      let isRefused = false
      const [counts, expected]: [number[], number[]] = [[], []]
      for (let count = 0; count < FLOOD; count++) {
        LARGE[0] = count
        isRefused = slowSocket.bufferedAmount > 2 * MIB || (code !== undefined && isRefused)
        expected.push(isRefused ? 2 : 3)
        counts.push(websocketServer.publish('a', LARGE))
        await waitUntil(() => received.every(({ length }) => length === count + 1), 'the fast ones receive it')
      }
      for (const each of received) t.same(each, [...Array(FLOOD).keys()])
      t.same(counts, expected, 'it receives none while more waits than sendLimit')
      t.ok(counts[0] === 3 && counts.includes(2))
      t.ok(slowSocket.bufferedAmount <= 3 * MIB + KIB, `${slowSocket.bufferedAmount}`)
      const { slowConsumers } = websocketServer.stats().sockets
      const dropped = counts.filter((count) => count === 2).length
      t.same(slowConsumers, code === undefined ? { dropped, closed: 0 } : { dropped: 0, closed: 1 })
      t.equal(linesWithError(logs).length, code === undefined ? 0 : 1)
      const texts = recordTexts(slow)
      slow.resume()
      if (code !== undefined) {
        t.equal((await closed(slow)).code, code)
      } else {
        await waitUntil(() => slowSocket.bufferedAmount === 0)
        t.equal(websocketServer.publish('a', 'all three'), 3)
        await waitUntil(() => texts.at(-1) === 'all three')
      }
    }, { sendLimit: 2 * MIB, slowConsumer })
  }

  scenario('sendLimit and slowConsumer of a route apply to its sockets, whatever they are in one topic with', (app) => {
    const subscribe = (socket: WebSocket): void => socket.subscribe('a')
    app.get('/patient', { websocket: { sendLimit: Infinity } }, subscribe)
    app.get('/strict', { websocket: { sendLimit: MIB, slowConsumer: 'close' } }, subscribe)
    app.get('/lossy', { websocket: { sendLimit: MIB, slowConsumer: 'drop' } }, subscribe)
  }, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const clients = []
    for (const path of ['/patient', '/strict', '/lossy']) clients.push(await fixture.open(path))
    const [patient, strict, lossy] = serverSockets(fixture) as [WebSocket, WebSocket, WebSocket]
    for (const client of clients) client.on('error', () => {}).pause()
    for (let count = 0; count < FLOOD; count++) websocketServer.publish('a', LARGE)
    t.same([patient, strict, lossy].map(({ readyState }) => readyState), [1, 2, 1])
    t.ok(patient.bufferedAmount > 32 * MIB)
    t.ok(lossy.bufferedAmount <= 2 * MIB + KIB)
    t.equal(websocketServer.publish('a', 'x'), 1)
    for (const client of clients) client.terminate()
  })

  scenario('a slowConsumer function may publish and unsubscribe: each socket receives all messages in order', (app) => {
    app.get('/slow', { websocket: true }, (socket) => socket.subscribe('a'))
    app.get('/fast', { websocket: { sendLimit: Infinity } }, (socket) => {
      socket.subscribe('a')
      socket.subscribe('slow')
    })
  }, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const before = await fixture.open('/fast')
    const slow = await fixture.open('/slow')
    const after = await fixture.open('/fast')
    const texts = [before, after].map(recordTexts)
    publishFromSlow = (socket) => {
      t.equal(websocketServer.publish('slow', 'one is slow'), 2)
      socket.unsubscribe('a')
    }
    slow.pause()
    while (websocketServer.subscribers('a') === 3) websocketServer.publish('a', 'x'.repeat(MIB))
    t.equal(websocketServer.publish('a', 'next'), 2)
    await waitUntil(() => texts.every((each) => each.at(-1) === 'next'))
    for (const each of texts) {
      const expected = [...Array(each.length - 2).fill(MIB), 'one is slow'.length, 'next'.length]
      t.same(each.map(({ length }) => length), expected)
    }
    slow.terminate()
  }, { sendLimit: 2 * MIB, slowConsumer: (socket) => { publishFromSlow(socket); return 'drop' } })

  scenario('a message whose first fragment was dropped is dropped as a whole, also if another is published between', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    client.pause()
    while (socket.bufferedAmount <= 2 * MIB) {
      socket.send(LARGE)
      await waitTurns()
    }
    socket.send('dropped 1, ', { fin: false })
    t.equal(websocketServer.publish('a', 'dropped, too'), 0)
    const texts: string[] = []
    client.on('message', (data, isBinary) => { if (!isBinary) texts.push(String(data)) }).resume()
    await waitUntil(() => socket.bufferedAmount === 0)
    socket.send('dropped 2, ', { fin: false })
    t.equal(websocketServer.publish('a', 'published'), 1)
    socket.send('dropped 3', { fin: true })
    socket.send('whole')
    await roundTrip(client)
    t.same(texts, ['published', 'whole'])
  }, { sendLimit: 2 * MIB, slowConsumer: 'drop' })

  for (const perMessageDeflate of [false, true]) {
    scenario(`a sender of fragments that waits for "drain" continues while messages are published${perMessageDeflate ? ', with compression' : ''}`, addTopics, async (t, fixture) => {
      const { app: { websocketServer } } = fixture
      const client = await fixture.open('/topics/a', { perMessageDeflate })
      const [socket] = serverSockets(fixture) as [WebSocket]
      const sizes: number[] = []
      client.on('message', (data: Buffer) => sizes.push(data.length))
      for (let sent = 0; sent < 8; sent++) {
        socket.send(LARGE, { fin: false, compress: sent % 2 === 0 })
        t.equal(websocketServer.publish('a', LARGE.subarray(0, 500_000)), 1)
        if (socket.writableNeedDrain) await once(socket, 'drain')
      }
      t.ok(socket.bufferedAmount >= 8 * 500_000, 'they wait for the last fragment')
      socket.send('', { fin: true })
      await waitUntil(() => sizes.length === 9, 'everything has arrived')
      t.same(sizes, [8 * MIB, ...Array(8).fill(500_000)])
    }, { sendLimit: 3 * MIB, slowConsumer: () => 'send', options: { perMessageDeflate } })
  }

  scenario('messages that wait for the last fragment are dropped at sendLimit, and the fragments are not', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const sizes: number[] = []
    client.on('message', (data: Buffer) => sizes.push(data.length))
    socket.send('frag', { fin: false })
    await waitUntil(() => socket.bufferedAmount === 0, 'the fragment has been written')
    const counts = Array.from({ length: 5 }, () => websocketServer.publish('a', LARGE))
    t.same(counts, [1, 1, 1, 0, 0])
    socket.send('ment', { fin: false })
    socket.send('ed', { fin: true })
    await waitUntil(() => sizes.length === 4)
    t.same(sizes, ['fragmented'.length, MIB, MIB, MIB])
    await waitUntil(() => socket.bufferedAmount === 0)
    t.equal(websocketServer.publish('a', 'next'), 1)
    await roundTrip(client)
    t.equal(sizes.at(-1), 'next'.length)
  }, { sendLimit: 2.5 * MIB, slowConsumer: 'drop' })

  // Compression

  scenario('sockets with and without compression, and without context takeover, are in one topic', (app) => {
    const subscribe = (socket: WebSocket): void => {
      socket.subscribe('a')
      socket.send(socket.extensions)
    }
    app.get('/plain', { websocket: true }, subscribe)
  }, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const noTakeover = { serverNoContextTakeover: true }
    const offers = [false, true, noTakeover, noTakeover, { serverMaxWindowBits: 10 }]
    const texts: string[][] = []
    for (const perMessageDeflate of offers) {
      const client = fixture.connect('/plain', { perMessageDeflate } as never)
      texts.push(recordTexts(client))
      await once(client, 'open')
    }
    const messages = ['short', 'x'.repeat(3000), 'y'.repeat(200 * KIB), 'z', '']
    for (const message of messages) t.equal(websocketServer.publish('a', message), 5)
    t.equal(websocketServer.publish('a', 'never compressed'.repeat(1000), { compress: false }), 5)
    const prepared = websocketServer.prepare('twice '.repeat(1000))
    for (let count = 0; count < 2; count++) t.equal(websocketServer.publish('a', prepared), 5)
    t.equal(websocketServer.broadcast('end'), 5)
    await waitUntil(() => texts.every((each) => each.at(-1) === 'end'))
    const extension = 'permessage-deflate'
    const expected = [...messages, 'never compressed'.repeat(1000), 'twice '.repeat(1000), 'twice '.repeat(1000), 'end']
    t.same(texts.map(([first]) => first), ['', extension, extension, extension, extension])
    for (const each of texts) t.same(each.slice(1), expected)
  }, { options: { perMessageDeflate: { threshold: 0 } } })

  // Classes and patches

  class Recording extends WsWebSocket {
    readonly sent: unknown[] = []
    override send (data: Data, ...others: unknown[]): void {
      this.sent.push(data)
      if (data === 'throw') throw new Error('of the class')
      if (data !== 'skip') Reflect.apply(super.send, this, [data, ...others])
    }
  }

  scenario('the send() of a class in options.WebSocket receives published and prepared messages', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const texts = recordTexts(client)
    const [socket] = serverSockets(fixture) as Array<WebSocket & Recording>
    t.equal(websocketServer.publish('a', 'text'), 1)
    t.equal(websocketServer.publish('a', Buffer.from('bytes')), 1)
    t.equal(websocketServer.publish('a', { json: 1 }), 1)
    t.equal(websocketServer.publish('a', 'skip'), 1)
    socket!.send(websocketServer.prepare('prepared'))
    websocketServer.broadcast('broadcast')
    t.same(socket!.sent, ['text', Buffer.from('bytes'), '{"json":1}', 'skip', 'prepared', 'broadcast'])
    await roundTrip(client)
    t.same(texts, ['text', 'bytes', '{"json":1}', 'prepared', 'broadcast'])
  }, { options: { WebSocket: Recording } })

  for (const removed of [false, true]) {
    scenario(`a send() that throws is an error of its socket only${removed ? ', also if all listeners were removed' : ''}`, (app) => {
      addTopics(app)
      app.get('/fails', { websocket: true }, (socket) => {
        if (removed) socket.removeAllListeners()
        socket.subscribe('a')
      })
    }, async (t, fixture) => {
      const { app: { websocketServer } } = fixture
      const clients = [await fixture.open('/topics/a'), await fixture.open('/fails'), await fixture.open('/topics/a')]
      const texts = clients.map(recordTexts)
      const [first, failing] = serverSockets(fixture) as [WebSocket, WebSocket]
      first.send = serverSockets(fixture)[2]!.send = function (this: WebSocket, ...parameters: unknown[]): void {
        if (parameters[0] === 'throw') parameters[0] = 'thrown elsewhere'
        Object.getPrototypeOf(this).send.call(this, ...parameters)
      } as never
      const end = closed(clients[1]!)
      t.equal(websocketServer.publish('a', 'throw'), 2)
      t.equal(failing.readyState, failing.OPEN, 'its error is emitted later')
      t.equal((await end).code, 1011)
      t.match(errorsIn(fixture.logs), [{ level: ERROR, err: { message: 'of the class' } }])
      t.equal(errorsIn(fixture.logs).length, 1)
      t.equal(websocketServer.publish('a', 'next'), 2)
      await allReceived([clients[0]!, clients[2]!])
      t.same(texts, [['thrown elsewhere', 'next'], [], ['thrown elsewhere', 'next']])
    }, { options: { WebSocket: Recording } })
  }

  scenario('errorHandler receives what send() throws, or rejects with if it is async', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const texts = recordTexts(client)
    const [socket] = serverSockets(fixture) as [WebSocket]
    handled.length = 0
    websocketServer.publish('a', 'throw')
    await waitUntil(() => handled.length === 1)
    socket.send = (async () => { throw new Error('rejected') }) as never
    t.equal(websocketServer.publish('a', 'rejected'), 1)
    await waitUntil(() => handled.length === 2)
    socket.send = (() => { throw undefined }) as never // eslint-disable-line no-throw-literal
    t.equal(websocketServer.broadcast('thrown'), 0)
    await waitUntil(() => handled.length === 3)
    Reflect.deleteProperty(socket, 'send')
    websocketServer.publish('a', 'sent')
    await roundTrip(client)
    t.match(handled.map((error) => [error.message]), [['of the class'], ['rejected'], [/undefined/]])
    t.same(texts, ['sent'])
  }, { options: { WebSocket: Recording }, errorHandler: (error) => { handled.push(error) } })

  scenario('a send() that replaces that of a socket is called once for each message', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const texts = recordTexts(client)
    const [socket] = serverSockets(fixture) as [WebSocket]
    const { send } = socket
    const calls: unknown[] = []
    socket.send = (...parameters: unknown[]) => {
      calls.push(parameters[0])
      Reflect.apply(send, socket, parameters)
    }
    const prepared = websocketServer.prepare('prepared')
    websocketServer.publish('a', 'published')
    socket.send(prepared)
    socket.send('sent')
    t.strictSame(calls, ['published', prepared, 'sent'])
    await roundTrip(client)
    t.same(texts, ['published', 'prepared', 'sent'])
  })

  class WithRooms extends WsWebSocket {
    readonly rooms: string[] = []
    subscribe (room: string): string { return `joined ${this.rooms.push(room)}` }
    publish (text: string): void { this.send(`published ${text}`) }
  }

  scenario('methods of a class in options.WebSocket, and a property "topics" that a user sets, are kept', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      Object.assign(socket, { topics: ['mine'] })
      const { publish, subscribe } = socket as unknown as WithRooms
      socket.send(`${String(socket.topics)} ${subscribe.call(socket as never, 'a')}`)
      publish.call(socket as never, 'it')
      socket.unsubscribe('a')
    })
  }, async (t, { app, connect }) => {
    const client = connect('/')
    const texts = recordTexts(client)
    await waitUntil(() => texts.length === 2)
    t.same(texts, ['mine joined 1', 'published it'])
    t.equal(app.websocketServer.subscribers('a'), 0)
    client.terminate()
  }, { options: { WebSocket: WithRooms as never } })

  // Monitoring

  scenario('stats() counts topics, subscriptions, published messages and the messages that sockets took', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    t.same(websocketServer.stats().topics, { open: 0, subscriptions: 0, published: 0, delivered: 0 })
    const clients = [await fixture.open('/topics/a,b'), await fixture.open('/topics/b')]
    const [first] = serverSockets(fixture) as [WebSocket]
    websocketServer.publish('a', 'grüße')
    websocketServer.publish('b', 'to two')
    websocketServer.publish('nowhere', 'to none')
    websocketServer.broadcast('to all')
    first.publish('b', Buffer.alloc(1000))
    t.same(websocketServer.stats().topics, { open: 2, subscriptions: 3, published: 5, delivered: 6 })
    t.match(websocketServer.stats(), { messages: { sent: 6 }, bytes: { sent: 7 + 6 + 6 + 6 + 6 + 1000 } })
    await allReceived(clients)
    clients[0]!.close()
    await waitUntil(() => websocketServer.clients.size === 1)
    t.same(websocketServer.stats().topics, { open: 1, subscriptions: 1, published: 5, delivered: 6 })
  })

  scenario('published messages are on the channels slow_consumer and backpressure', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const slow = record<SlowConsumerMessage>(t, 'socket:slow_consumer')
    const pressure = record<BackpressureMessage>(t, 'socket:backpressure')
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    client.pause()
    while (slow.length < 2) websocketServer.publish('a', LARGE)
    t.match(slow.map(({ action, route, socket: each }) => [action, route, each === socket]), [
      ['drop', '/topics/:topics', true], ['drop', '/topics/:topics', true]
    ])
    t.ok(slow[0]!.bufferedAmount > 2 * MIB)
    t.match(pressure.map(({ direction, active }) => [direction, active]), [['send', true]])
    client.resume()
    await pressure.next(2)
    t.match(pressure.map(({ direction, active }) => [direction, active]), [['send', true], ['send', false]])
  }, { sendLimit: 2 * MIB, slowConsumer: 'drop' })

  // Both versions of HTTP

  if (transport === H1_BESIDE_H2) {
    scenario('sockets over HTTP/1.1 and HTTP/2 of one server are in one topic', addTopics, async (t, fixture) => {
      const { app: { websocketServer }, origin } = fixture
      const url = `${origin.replace('http', 'ws')}/topics/a`
      const clients = (['1.1', '2', '1.1', '2'] as const).map((http) => connect(url, { http, rejectUnauthorized: false }))
      const texts = clients.map(recordTexts)
      await Promise.all(clients.map((client) => once(client, 'open')))
      t.same(serverSockets(fixture).map((socket) => socket.httpVersion).sort(), ['1.1', '1.1', '2', '2'])
      const [sender] = serverSockets(fixture) as [WebSocket]
      t.equal(websocketServer.publish('a', 'one'), 4)
      t.equal(sender.publish('a', 'two'), 3)
      t.equal(websocketServer.broadcast('three', { filter: (socket) => socket.httpVersion === '2' }), 2)
      t.equal(websocketServer.publish('a', 'x'.repeat(100_000)), 4)
      await allReceived(clients)
      for (const each of texts) t.equal(each.at(-1)!.length, 100_000)
      t.same(texts.flat().filter((text) => text === 'two').length, 3)
      t.same(texts.flat().filter((text) => text === 'three').length, 2)
      for (const client of clients) client.terminate()
    })
  }

  // Sockets of one connection

  scenario('a listener of "message" publishes to sockets of its own connection, which send meanwhile', (app) => {
    app.get('/chat', { websocket: true }, (socket) => {
      socket.subscribe('a')
      socket.on('message', (data) => { app.websocketServer.publish('a', String(data)) })
    })
  }, async (t, { open }) => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => open('/chat')))
    const texts = clients.map(recordTexts)
    for (let count = 0; count < 50; count++) {
      for (const [index, client] of clients.entries()) client.send(`${index} ${count} ${'x'.repeat(count * 100)}`)
    }
    await waitUntil(() => texts.every(({ length }) => length === 250))
    for (const each of texts) t.same(each, texts[0], 'all receive them in the same order')
    for (const index of clients.keys()) {
      const own = texts[0]!.filter((text) => text.startsWith(`${index} `)).map((text) => text.split(' ')[1])
      t.same(own, [...Array(50).keys()].map(String))
    }
  })

  for (const [title, end] of [
    ['terminate()', (socket) => socket.terminate()], ['close()', (socket) => socket.close(4000)],
    ['unsubscribe()', (socket) => socket.unsubscribe('a')]
  ] as Array<[string, (socket: WebSocket) => void]>) {
    scenario(`${title} of other sockets during publish(): those that are left receive the message`, addTopics, async (t, fixture) => {
      const { app: { websocketServer } } = fixture
      const clients: WebSocket[] = []
      for (let count = 0; count < 6; count++) clients.push(await fixture.open('/topics/a'))
      const texts = clients.map((client) => recordTexts(client.on('error', () => {})))
      const sockets = serverSockets(fixture)
      const { send } = sockets[0]!
      sockets[0]!.send = (...parameters: unknown[]) => {
        for (const index of [1, 3, 5]) end(sockets[index]!)
        Reflect.apply(send, sockets[0], parameters)
      }
      t.equal(websocketServer.publish('a', 'x'), 3)
      await allReceived([0, 2, 4].map((index) => clients[index]!))
      t.same(texts, [['x'], [], ['x'], [], ['x'], []])
      await waitUntil(() => websocketServer.subscribers('a') === 3)
    })
  }

  scenario('endless recursion of publish() in send() ends with an error of the sockets, and the server continues', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    await fixture.open('/topics/a')
    const other = await fixture.open('/topics/b')
    const [socket] = serverSockets(fixture) as [WebSocket]
    socket.send = () => { websocketServer.publish('a', 'again') }
    handled.length = 0
    t.doesNotThrow(() => websocketServer.publish('a', 'x'))
    await waitUntil(() => handled.length > 0)
    t.ok(handled.every((error) => error instanceof RangeError))
    const received = nextText(other)
    t.equal(websocketServer.publish('b', 'still here'), 1)
    t.equal(await received, 'still here')
  }, { errorHandler: (error) => { handled.push(error) } })
}

type Data = Parameters<WsWebSocket['send']>[0]

/** Errors that an errorHandler has received. */
const handled: Error[] = []

let publishFromSlow: (socket: WebSocket) => void = () => {}

/** Records the first byte of each message. */
function recordFirstBytes (socket: WebSocket): number[] {
  const bytes: number[] = []
  socket.on('message', (data: Buffer) => bytes.push(data[0]!))
  return bytes
}
