import type { FastifyInstance } from 'fastify'
import type { WebSocket } from '../../index.ts'
import { Callbacks } from '../helpers/callbacks.ts'
import { recordTexts } from '../helpers/texts.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { nextMessage, roundTrip, waitTurns } from '../helpers/waiting.ts'
import { addTopics, allReceived, serverSockets } from './topics.ts'

function addRoutes (app: FastifyInstance): void {
  app.get('/rooms/:room', { websocket: true }, () => {})
  app.get('/news', { websocket: true }, () => {})
}

/** Messages to all sockets, and messages that are prepared once. */
export function testBroadcast (transport: Transport): void {
  const scenario = scenarios(transport)

  scenario('broadcast() reaches the sockets of all routes, of one route, or those that a filter selects', addRoutes, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const paths = ['/rooms/1', '/rooms/2', '/news']
    const clients = await Promise.all(paths.map((path) => fixture.open(path)))
    const texts = clients.map(recordTexts)
    const ofRoom = (room: string) => (_socket: WebSocket, { params }: { params: unknown }) => {
      return (params as { room?: string }).room === room
    }
    t.equal(websocketServer.broadcast('all'), 3)
    t.equal(websocketServer.broadcast('rooms', { route: '/rooms/:room' }), 2)
    t.equal(websocketServer.broadcast('nowhere', { route: '/rooms/1' }), 0)
    t.equal(websocketServer.broadcast('room 2', { filter: ofRoom('2') }), 1)
    t.equal(websocketServer.broadcast('nobody', { route: '/news', filter: ofRoom('2') }), 0)
    const room1 = serverSockets(fixture).filter((socket) => socket !== serverSockets(fixture)[0])
    t.equal(websocketServer.broadcast('first', { except: room1 }), 1)
    t.equal(websocketServer.broadcast({ json: true }, { route: '/news' }), 1)
    t.equal(websocketServer.publish('all', 'nobody subscribes'), 0)
    await allReceived(clients)
    const withoutFirst = texts.map((each) => each.filter((text) => text !== 'first'))
    t.same(withoutFirst, [['all', 'rooms'], ['all', 'rooms', 'room 2'], ['all', '{"json":true}']])
    t.equal(texts.flat().filter((text) => text === 'first').length, 1)
  })

  scenario('a filter of broadcast() is called once for each socket, with its request, before anything is sent', addRoutes, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const clients = [await fixture.open('/rooms/1'), await fixture.open('/news')]
    const calls: unknown[] = []
    const filter = (socket: WebSocket, request: { url: string }): boolean => {
      calls.push([socket, request.url, websocketServer.stats().messages.sent])
      return true
    }
    t.equal(websocketServer.broadcast('x', { filter }), 2)
    const sockets = serverSockets(fixture)
    t.strictSame(calls, [[sockets[0], '/rooms/1', 0], [sockets[1], '/news', 0]])
    await allReceived(clients)
  })

  for (const [title, filter, error] of [
    ['that throws', () => { throw new Error('broken') }, { message: 'broken' }],
    ['that is async', async () => true, { code: 'FST_WS_INVALID_OPTION', message: /"filter" of broadcast\(\) must be a function that returns a boolean, got a promise/ }],
    ['whose promise rejects', async () => { throw new Error('late') }, { code: 'FST_WS_INVALID_OPTION' }]
  ] as const) {
    scenario(`a filter of broadcast() ${title} makes it throw, and nobody receives anything`, addRoutes, async (t, fixture) => {
      const { app: { websocketServer } } = fixture
      const clients = [await fixture.open('/news'), await fixture.open('/news')]
      const texts = clients.map(recordTexts)
      let calls = 0
      const failSecond = (): boolean => ++calls === 1 || (filter as () => boolean)()
      t.throws(() => websocketServer.broadcast('x', { filter: failSecond }), error)
      await waitTurns(2)
      t.equal(websocketServer.broadcast('valid'), 2)
      await allReceived(clients)
      t.same(texts, [['valid'], ['valid']])
    })
  }

  scenario('a filter of broadcast() may close sockets, and subscribe them: closing ones receive nothing', addRoutes, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const clients = [await fixture.open('/news'), await fixture.open('/news')]
    const texts = clients.map(recordTexts)
    const [first] = serverSockets(fixture)
    const filter = (socket: WebSocket): boolean => {
      socket.subscribe('filtered')
      if (socket === first) socket.close(4000)
      return true
    }
    t.equal(websocketServer.broadcast('x', { filter }), 1)
    t.equal(websocketServer.publish('filtered', 'y'), 1)
    await roundTrip(clients[1]!)
    t.same(texts, [[], ['x', 'y']])
  })

  // prepare()

  scenario('prepare() returns a message for publish(), broadcast() and send(), any number of times', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const clients = [await fixture.open('/topics/a'), await fixture.open('/topics/b')]
    const texts = clients.map(recordTexts)
    const [first] = serverSockets(fixture) as [WebSocket]
    const message = websocketServer.prepare({ text: 'grüße' })
    t.match(message, { isBinary: false, byteLength: 18 })
    t.equal(websocketServer.publish('a', message), 1)
    t.equal(websocketServer.broadcast(message), 2)
    t.equal(websocketServer.broadcast(message, { except: first }), 1)
    first.send(message)
    const sent = new Promise((resolve) => first.send(message, resolve))
    await allReceived(clients)
    t.equal(await sent ?? undefined, undefined)
    const json = '{"text":"grüße"}'
    t.same(texts, [[json, json, json, json], [json, json]])
    t.match(websocketServer.stats(), { messages: { sent: 6 }, bytes: { sent: 6 * 18 } })
  })

  scenario('a prepared message is binary or text, as the options of prepare() say, and does not change with its data', addTopics, async (t, fixture) => {
    const { app: { websocketServer } } = fixture
    const client = await fixture.open('/topics/a')
    const data = Buffer.from('abc')
    const messages = [
      websocketServer.prepare(data), websocketServer.prepare(data, { binary: false }), websocketServer.prepare('abc'),
      websocketServer.prepare('abc', { binary: true })
    ]
    t.same(messages.map(({ isBinary }) => isBinary), [true, false, false, true])
    data.fill('x')
    for (const message of messages) {
      const received = nextMessage(client)
      websocketServer.publish('a', message)
      t.strictSame(await received, { data: Buffer.from('abc'), isBinary: message.isBinary })
    }
    t.equal(websocketServer.prepare(messages[0]!), messages[0])
    for (const options of [{ binary: true }, { compress: false }]) {
      t.throws(() => websocketServer.publish('a', messages[0]!, options), { code: 'FST_WS_INVALID_MESSAGE' })
      t.throws(() => websocketServer.broadcast(messages[0]!, options), { code: 'FST_WS_INVALID_MESSAGE' })
    }
  })

  scenario('the callback of send() with a prepared message is called once, also if it was not sent', addTopics, async (t, fixture) => {
    const client = await fixture.open('/topics/a')
    const [socket] = serverSockets(fixture) as [WebSocket]
    const message = fixture.app.websocketServer.prepare('x'.repeat(100_000))
    const callbacks = new Callbacks()
    socket.send(message, callbacks.next)
    // The overload of ws has options between them.
    socket.send(message as never, { binary: true }, callbacks.next)
    await roundTrip(client)
    socket.terminate()
    socket.send(message, callbacks.next)
    await callbacks.settled()
    t.same(callbacks.results, ['sent', 'sent', 'not sent'])
  })
}
