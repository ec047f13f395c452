import { spawnSync } from 'node:child_process'
import { connect } from '@nats-io/transport-node'
import t from 'tap'
import type { Test } from 'tap'
import { createNatsRelay } from '../../examples/relays/nats.js'
import type { RelayEmitter } from '../../index.ts'
import { openClient, startNode, subscribe, testThreeNodes } from '../helpers/relay-nodes.ts'
import { ServerProcess } from '../helpers/server-process.ts'
import { H1, H2C } from '../helpers/transports.ts'
import { waitUntil } from '../helpers/waiting.ts'

/** Debian installs the program where users do not look for it. */
const PROGRAM = ['nats-server', '/usr/sbin/nats-server'].find((path) => spawnSync(path, ['--version']).error === undefined)
const OPTIONS = { skip: PROGRAM === undefined && 'nats-server is not installed: apt-get install nats-server' }

async function startNats (t: Test): Promise<ServerProcess> {
  return await ServerProcess.start(t, PROGRAM!, (port) => ['-a', '127.0.0.1', '-p', port])
}

async function createRelay ({ port }: ServerProcess): Promise<RelayEmitter> {
  const connection = await connect({
    port, maxReconnectAttempts: -1, reconnectTimeWait: 50, waitOnFirstConnect: true
  })
  return createNatsRelay(connection)
}

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: examples/relays/nats.js relays messages between nodes`, OPTIONS, async (t) => {
    const nats = await startNats(t)
    await testThreeNodes(t, transport, async () => await createRelay(nats))
  })

  void t.test(`${transport.name}: relaying resumes when a NATS server that was killed is back`, OPTIONS, async (t) => {
    const nats = await startNats(t)
    const publisher = await startNode(t, transport, await createRelay(nats))
    const node = await startNode(t, transport, await createRelay(nats))
    const [local, before] = await Promise.all([subscribe(publisher, 'before'), subscribe(node, 'before')])
    await nats.kill()
    const during = await openClient(node, 'during')
    await waitUntil(() => node.errors.length > 0, 'the subscription has failed')
    t.match(node.errors[0], { operation: 'subscribe', topic: 'during' })
    t.equal(publisher.app.websocketServer.publish('before', 'local'), 1)
    await waitUntil(() => publisher.errors.length > 0, 'the message was not relayed')
    t.match(publisher.errors, [{ operation: 'publish', topic: 'before' }])
    await waitUntil(() => local.messages.length === 1, 'local delivery')

    nats.restart()
    await waitUntil(() => during.messages.shift() === 'subscribed', 'the subscription of the outage is made')
    while (!before.messages.includes('again') || !during.messages.includes('again')) {
      publisher.app.websocketServer.publish('before', 'again')
      publisher.app.websocketServer.publish('during', 'again')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    t.notOk(before.messages.includes('local'), 'the message of the outage is lost')
  })
}
