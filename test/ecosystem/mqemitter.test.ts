import { once } from 'node:events'
import type { Redis } from 'ioredis'
import mqemitter from 'mqemitter'
import mqemitterRedis from 'mqemitter-redis'
import t from 'tap'
import type { Test } from 'tap'
import type { RelayEmitter } from '../../index.ts'
import { RedisServer, SKIP_REDIS } from '../helpers/redis.ts'
import { openClient, startNode, subscribe, testThreeNodes } from '../helpers/relay-nodes.ts'
import type { Node } from '../helpers/relay-nodes.ts'
import { H1, H1_TLS, H2C, H2_TLS } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { waitUntil } from '../helpers/waiting.ts'

const OPTIONS = { skip: SKIP_REDIS }
const TRANSPORTS = [H1, H1_TLS, H2C, H2_TLS]

async function startNodes (t: Test, transport: Transport, redis: RedisServer): Promise<[Node, Node]> {
  return [await startNode(t, transport, redis.createRelay()), await startNode(t, transport, redis.createRelay())]
}

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: mqemitter relays messages between apps of one process`, async (t) => {
    const emitter = Object.assign(mqemitter(), { close: (callback: () => void) => callback() })
    await testThreeNodes(t, transport, () => emitter)
  })

  void t.test(`${transport.name}: mqemitter-redis relays messages between nodes`, OPTIONS, async (t) => {
    const redis = await RedisServer.start(t)
    await testThreeNodes(t, transport, async () => await redis.createConnectedRelay())
  })
}

void t.test('MQEmitterRedisPrefix relays messages', OPTIONS, async (t) => {
  const redis = await RedisServer.start(t)
  const { MQEmitterRedisPrefix } = mqemitterRedis as unknown as {
    MQEmitterRedisPrefix: new (prefix: string, options: object) => RelayEmitter
  }
  const create = (options?: object): RelayEmitter => new MQEmitterRedisPrefix('app:', options!)
  await testThreeNodes(t, H2C, async () => await redis.createConnectedRelay(create as never))
})

void t.test('the status of subConn of mqemitter-redis is "connect" until ioredis has checked the connection', OPTIONS, async (t) => {
  const redis = await RedisServer.start(t)
  const relay = redis.createRelay()
  t.teardown(() => relay.close(() => {}))
  const { subConn } = relay as unknown as { subConn: Redis }
  await once(subConn, 'connect')
  t.equal(subConn.status, 'connect')
  await once(subConn, 'ready')
  t.equal(subConn.status, 'ready')
})

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: messages on topics without local subscribers do not arrive`, OPTIONS, async (t) => {
    const redis = await RedisServer.start(t)
    const [publisher, node] = await startNodes(t, transport, redis)
    const client = await subscribe(node, 'mine')
    const left = await subscribe(node, 'left')
    left.socket.close()
    await waitUntil(() => node.app.websocketServer.stats().relay!.subscriptions === 1, 'the other topic is unsubscribed')
    for (const topic of ['left', 'never', 'mine']) publisher.app.websocketServer.publish(topic, topic)
    await waitUntil(() => client.messages.length === 1)
    t.strictSame(client.messages, ['mine'])
    t.equal(node.app.websocketServer.stats().relay!.received, 1)
  })

  void t.test(`${transport.name}: while Redis is down local delivery continues, and relaying resumes`, OPTIONS, async (t) => {
    const redis = await RedisServer.start(t)
    const [publisher, node] = await startNodes(t, transport, redis)
    const [local, before] = await Promise.all([subscribe(publisher, 'before'), subscribe(node, 'before')])
    await redis.kill()
    await waitUntil(() => publisher.errors.length > 0 && node.errors.length > 0, 'both nodes report the outage')
    const during = await openClient(node, 'during')
    t.equal(publisher.app.websocketServer.publish('before', 'local'), 1)
    await waitUntil(() => local.messages.length === 1, 'local delivery')
    t.strictSame(during.messages, [])

    await redis.restart()
    await waitUntil(() => during.messages.length === 1, 'the subscription of the outage is made')
    // The client of the publisher may connect later.
    while (!before.messages.includes('again') || !during.messages.includes('again')) {
      publisher.app.websocketServer.publish('before', 'again')
      publisher.app.websocketServer.publish('during', 'again')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    t.ok(publisher.errors.every(({ operation }) => ['connect', 'publish'].includes(operation)))
    t.equal(node.logs.filter(({ msg }) => msg.startsWith('the relay has failed')).length, 1)
  })

  void t.test(`${transport.name}: an app closes while Redis is down`, OPTIONS, async (t) => {
    const redis = await RedisServer.start(t)
    const node = await startNode(t, transport, redis.createRelay())
    await subscribe(node, 'news')
    await redis.kill()
    await waitUntil(() => node.errors.length > 0)
    await node.app.close()
    t.ok(node.errors.every(({ operation }) => operation === 'connect'))
  })
}
