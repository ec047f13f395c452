import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { RelayEmitter, RelayErrorContext } from '../../index.ts'
import type { WebSocket } from '../../lib/client/index.ts'
import { start } from './transports.ts'
import type { Fixture, Transport } from './transports.ts'
import { waitUntil } from './waiting.ts'

export interface Node extends Fixture {
  errors: RelayErrorContext[]
}

/** Messages that a client has received. */
export interface Client {
  socket: WebSocket
  messages: Array<string | Buffer>
}

/** Sockets subscribe to the topic in the URL, and publish there what they receive. */
function addTopics (app: FastifyInstance): void {
  app.get('/:topic', { websocket: true }, (socket, request) => {
    const { topic } = request.params as { topic: string }
    socket.subscribe(topic, () => socket.send('subscribed'))
    socket.on('message', (data, isBinary) => socket.publish(topic, isBinary ? data : data.toString()))
  })
}

export async function startNode (t: Test, transport: Transport, relay: RelayEmitter): Promise<Node> {
  const errors: RelayErrorContext[] = []
  const onRelayError = (_error: Error, context: RelayErrorContext): void => { errors.push(context) }
  return { errors, ...await start(t, transport, addTopics, { relay, onRelayError }) }
}

/** Opens a socket without waiting for its subscription. */
export async function openClient (node: Fixture, topic: string): Promise<Client> {
  const messages: Client['messages'] = []
  const socket = node.connect(`/${encodeURIComponent(topic)}`)
  socket.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? data : data.toString()))
  await once(socket, 'open')
  return { socket, messages }
}

/** Opens a socket, and waits until the messages of other nodes arrive. */
export async function subscribe (node: Fixture, topic: string): Promise<Client> {
  const client = await openClient(node, topic)
  await waitUntil(() => client.messages.shift() === 'subscribed', `subscribed to ${topic}`)
  return client
}

/** Publishes at each of three nodes, and expects each message once at the clients of all nodes, in order. */
export async function testThreeNodes (
  t: Test, transport: Transport, createRelay: () => RelayEmitter | Promise<RelayEmitter>
): Promise<void> {
  const nodes = await Promise.all([1, 2, 3].map(async () => await startNode(t, transport, await createRelay())))
  const clients = await Promise.all(nodes.map(async (node) => await subscribe(node, 'a/+ #*>')))
  const other = await subscribe(nodes[1]!, '+')
  const sender = clients[0]!
  const sent = [...Array.from({ length: 100 }, (_, index) => String(index)), Buffer.from([0, 255, 128])]
  for (const data of sent) sender.socket.send(data)
  await waitUntil(() => clients.slice(1).every(({ messages }) => messages.length === sent.length), 'all have arrived')
  for (const { messages } of clients.slice(1)) t.strictSame(messages, sent)
  t.strictSame(sender.messages, [], 'not at the socket that has sent them')

  t.equal(nodes[2]!.app.websocketServer.publish('a/+ #*>', { from: 'the server' }), 1, 'local sockets')
  await waitUntil(() => sender.messages.length === 1, 'the message of the server has arrived')
  t.strictSame(sender.messages, ['{"from":"the server"}'])
  t.strictSame(other.messages, [], 'other topics')
  const { relay } = nodes[0]!.app.websocketServer.stats()
  t.match(relay, { published: sent.length, received: 1, subscriptions: 1, pendingMessages: 0 })
  for (const node of nodes) t.same(node.errors, [])
}
