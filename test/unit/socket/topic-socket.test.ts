import t from 'tap'
import { WebSocket as WsWebSocket } from 'ws'
import type { WebSocket } from '../../../index.ts'
import type { SocketTopics } from '../../../lib/socket/plugin-socket.ts'
import { createTopicSocketClass, kSetTopics } from '../../../lib/socket/topic-socket.ts'

type TopicSocket = WebSocket & { [kSetTopics] (topics: SocketTopics | undefined): void }

function create (Base = WsWebSocket): TopicSocket {
  const Socket = createTopicSocketClass(Base) as unknown as new (...parameters: unknown[]) => TopicSocket
  return new Socket(null, undefined, {})
}

void t.test('the methods of a socket call those of the topics with the socket, and return their results', async (t) => {
  const socket = create()
  const calls: unknown[][] = []
  socket[kSetTopics]({
    topicsOf: (...parameters) => { calls.push(['topicsOf', ...parameters]); return new Set(['a']) },
    subscribe: (...parameters) => { calls.push(['subscribe', ...parameters]) },
    unsubscribe: (...parameters) => { calls.push(['unsubscribe', ...parameters]) },
    publish: (...parameters) => { calls.push(['publish', ...parameters]); return 7 }
  })
  const callback = (): void => {}
  const options = { binary: true }
  t.same([...socket.topics], ['a'])
  socket.subscribe('a', callback)
  socket.unsubscribe('b')
  t.equal(socket.publish('c', 'data', options), 7)
  t.equal(calls.length, 4)
  for (const [index, expected] of [
    ['topicsOf', socket], ['subscribe', socket, 'a', callback], ['unsubscribe', socket, 'b'],
    ['publish', 'c', 'data', options, socket]
  ].entries()) t.ok(expected.every((value, at) => calls[index]![at] === value), String(expected[0]))
})

void t.test('the socket of a client has no topics, and its methods throw FST_WS_NO_TOPICS', async (t) => {
  const socket = create()
  for (const call of [() => socket.subscribe('a'), () => socket.unsubscribe('a'), () => socket.publish('a', 'x')]) {
    t.throws(call, { code: 'FST_WS_NO_TOPICS', message: /^only the socket of a websocket route, on the server, has topics: / })
  }
  t.equal(socket.topics.size, 0)
  ;(socket.topics as Set<string>).add('a')
  t.equal(create().topics.size, 0, 'sockets do not share a set that can be changed')
})

void t.test('a handler may set properties with the names of topics, as for @fastify/websocket', async (t) => {
  const socket = create() as { topics: unknown, subscribe: unknown, publish: unknown }
  const own = new Set(['own'])
  socket.topics = own
  t.equal(socket.topics, own)
  socket.topics = 5
  t.equal(socket.topics, 5)
  socket.subscribe = 6
  t.equal(socket.subscribe, 6)
})

void t.test('a class that has members with the names of topics keeps them, and has the others', async (t) => {
  class Own extends WsWebSocket {
    topics = 'own'
    publish (): string { return 'own' }
  }
  class Setting extends WsWebSocket {
    constructor (...parameters: [never]) {
      super(...parameters)
      Object.assign(this, { topics: 'set' })
    }
  }
  const socket = create(Own as never)
  t.equal(socket.topics, 'own')
  t.equal((socket.publish as () => unknown)(), 'own')
  t.throws(() => socket.subscribe('a'), { code: 'FST_WS_NO_TOPICS' })
  t.equal(create(Setting as never).topics, 'set')
})
