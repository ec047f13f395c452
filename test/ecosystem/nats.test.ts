import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { connect } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import t from 'tap'
import type { Test } from 'tap'
import { createNatsRelay } from '../../examples/relays/nats.js'
import type { RelayEmitter } from '../../index.ts'
import { killOnExit } from '../helpers/child-processes.js'
import { openClient, startNode, subscribe, testThreeNodes } from '../helpers/relay-nodes.ts'
import { H1, H2C } from '../helpers/transports.ts'
import { waitUntil } from '../helpers/waiting.ts'

/** Debian installs the program where users do not look for it. */
const PROGRAM = ['nats-server', '/usr/sbin/nats-server'].find((path) => spawnSync(path, ['--version']).error === undefined)
const OPTIONS = { skip: PROGRAM === undefined && 'nats-server is not installed: apt-get install nats-server' }

class NatsServer {
  #port = 0
  #child: ChildProcess | undefined

  static async start (t: Test): Promise<NatsServer> {
    const server = new NatsServer()
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    server.#port = (probe.address() as AddressInfo).port
    probe.close()
    t.teardown(async () => await server.kill())
    server.restart()
    return server
  }

  restart (): void {
    this.#child = killOnExit(spawn(PROGRAM!, ['-a', '127.0.0.1', '-p', String(this.#port)], { stdio: 'ignore' }))
  }

  async kill (): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async createRelay (): Promise<RelayEmitter> {
    const connection: NatsConnection = await connect({
      port: this.#port, maxReconnectAttempts: -1, reconnectTimeWait: 50, waitOnFirstConnect: true
    })
    return createNatsRelay(connection)
  }
}

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: examples/relays/nats.js relays messages between nodes`, OPTIONS, async (t) => {
    const nats = await NatsServer.start(t)
    await testThreeNodes(t, transport, async () => await nats.createRelay())
  })

  void t.test(`${transport.name}: relaying resumes when a NATS server that was killed is back`, OPTIONS, async (t) => {
    const nats = await NatsServer.start(t)
    const publisher = await startNode(t, transport, await nats.createRelay())
    const node = await startNode(t, transport, await nats.createRelay())
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
