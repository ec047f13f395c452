import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from './app.js'
import { withTimeout } from './commands.js'
import { MovingClients } from './moving-clients.js'
import { spawnProxy } from './proxies/index.js'
import { findPorts } from './proxies/ports.js'

const CLIENTS = 12
const SOCKETS_PER_CLIENT = 5
const SOCKETS = CLIENTS * SOCKETS_PER_CLIENT
const NODES = 3
/** What each node has to have at least, after a new one has joined: half of an even share. */
const FAIR_SHARE = SOCKETS / NODES / 2
/** In ms. */
const OVER = 1000
const AGE = 1500
const GRACE = 500
/** More than the clients need until their sockets are even. */
const MAX_SESSIONS = 10 * CLIENTS

/**
 * Scenarios in which a third node joins two others behind a proxy, while clients have sockets. Each receives the nodes,
 * the clients, and a function that lets the third node join. Returns a note.
 */
const SCENARIOS = {
  'drain() of the old nodes evens out the sockets, behind a proxy that balances requests': {
    port: 'cleartext',
    plugin: {},
    async run ({ nodes, clients, join }) {
      await join()
      assert.deepEqual((await countEach(nodes)).at(-1), 0, 'open sockets stay where they are')
      const drained = await Promise.all(nodes.slice(0, -1).map((node) => node.drain(OVER)))
      assert.equal(drained[0] + drained[1], SOCKETS)
      // The clients may learn of the last closes later than the nodes.
      await untilOpen(clients, () => clients.closes[1012] >= SOCKETS)
      const counts = await countEach(nodes)
      assert.ok(isFair(counts), `${counts}`)
      assert.deepEqual(clients.closes, { 1012: SOCKETS })
      return counts
    }
  },

  'maxSessionAge evens out the sockets, behind a proxy that balances connections': {
    port: 'tls',
    plugin: { maxSessionAge: AGE, maxSessionAgeGrace: GRACE },
    async run ({ nodes, clients, join }) {
      await join()
      let counts = await countEach(nodes)
      // Sessions continue to reach their age: some sockets are reconnecting at any moment.
      while (!isFair(counts)) {
        assert.ok(clients.sessions < MAX_SESSIONS, `${counts}`)
        await withTimeout('a socket that reconnects', once(clients, 'open'))
        counts = await countEach(nodes)
      }
      assert.deepEqual(Object.keys(clients.closes), ['1012'])
      return counts
    }
  }
}

/** Runs the scenarios of several nodes behind a proxy. */
export async function runNodes (proxy, version, folder, report) {
  const row = report.addRow(proxy.name, version, 'a third node joins two others')
  for (const [name, { port, plugin, run }] of Object.entries(SCENARIOS)) {
    await row.check(name, () => withNodes(proxy, folder, plugin, async ({ ports, ...fixture }) => {
      const clients = new MovingClients(`http://127.0.0.1:${ports[port]}`)
      try {
        for (let count = 0; count < CLIENTS; count++) clients.start(SOCKETS_PER_CLIENT)
        await untilOpen(clients)
        const counts = await run({ ...fixture, clients })
        return `${counts.join(', ')} sockets on the nodes; ${clients.failures} failed handshakes`
      } finally {
        clients.stop()
      }
    }))
  }
}

async function withNodes (proxy, folder, plugin, run) {
  // A short path: that of a Unix domain socket has a limit.
  const proxyFolder = await mkdtemp(join(tmpdir(), 'nodes-'))
  const nodes = []
  let running
  try {
    for (let count = 0; count < NODES; count++) nodes.push(await App.start(folder, { plugin }))
    const ports = await findPorts()
    const config = join(proxyFolder, 'nodes.cfg')
    const apps = nodes.map((node) => node.ports.h2c)
    await writeFile(config, proxy.nodes.configure({ ...ports, apps, folder: proxyFolder }))
    running = await spawnProxy(proxy, { config, folder: proxyFolder, ports })
    return await run({ ports, nodes, join: () => proxy.nodes.enable({ folder: proxyFolder, node: NODES }) })
  } finally {
    await running?.stop()
    for (const node of nodes) await node.kill()
    await rm(proxyFolder, { recursive: true })
  }
}

async function untilOpen (clients, holds = () => true) {
  while (clients.open < SOCKETS || !holds()) await withTimeout('a socket that opens', once(clients, 'open'))
}

async function countEach (nodes) {
  return (await Promise.all(nodes.map((node) => node.state()))).map(({ sockets }) => sockets)
}

function isFair (counts) {
  return counts.every((count) => count >= FAIR_SHARE)
}
