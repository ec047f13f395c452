import assert from 'node:assert/strict'
import { countConnections } from './connections.js'
import { FAILURES } from './failures.js'
import { checkProbe } from './probe.js'
import { ProxiedApp } from './proxied-app.js'
import { runScenarios } from './run-scenarios.js'
import { SCENARIOS } from './scenarios.js'
import { CONNECT } from './transports.js'

const FEW = 5

/** Checks that HTTP/2 reached the proxy. The app cannot: it sees the proxy's connections alone. */
const HTTP2_SCENARIOS = {
  async 'fewer connections to the proxy than sockets' (context) {
    const sockets = await Promise.all(Array.from({ length: FEW }, () => context.open()))
    const count = await countConnections(Number(new URL(context.origin).port))
    assert.ok(count > 0 && count < FEW, `${count} connections`)
    await Promise.all(sockets.map((socket) => socket.close(1000, '')))
  }
}

/**
 * Runs all scenarios through a proxy, to an app without and with TLS, and then the failure scenarios. Each of `clients` is
 * `{ client, agent, secure }`: a client, its process, and whether it connects to the proxy with TLS.
 */
export async function runBehindProxy (proxy, version, clients, folder, report) {
  const name = `${proxy.name} ${version}`
  for (const tls of [false, true]) {
    const proxied = await ProxiedApp.start(proxy, folder, { tls })
    for (const { client, agent, secure } of clients) {
      await runScenarios({
        client,
        agent,
        app: proxied.app,
        report,
        ...(usesHttp2({ client, secure })
          ? { scenarios: { ...SCENARIOS, ...HTTP2_SCENARIOS }, unsupported: { ...client.unsupported, ...proxy.unsupported } }
          : { scenarios: SCENARIOS }),
        setup: `${secure ? 'with' : 'without'} TLS through ${name} to an app ${tls ? 'with' : 'without'} TLS`,
        origin: proxied.originFor(secure),
        transport: proxied.transport
      })
    }
    const row = report.addRow(proxy.name, version, `probe, app ${tls ? 'with' : 'without'} TLS`)
    await row.check('probe over both HTTP versions', () => checkProbe(proxied, folder))
    await proxied.stop()
  }
  await runFailures(proxy, clients, folder, report.addRow(proxy.name, version, 'failures'))
}

async function runFailures (proxy, clients, folder, row) {
  const [http1, http2] = [clients.find(({ secure }) => !secure), clients.find(usesHttp2)]
  for (const [name, scenario] of Object.entries(FAILURES)) {
    if (proxy.unsupported[name] !== undefined) {
      row.skip(name, proxy.unsupported[name])
      continue
    }
    const started = []
    const start = async (options) => {
      const proxied = await ProxiedApp.start(proxy, folder, options)
      started.push(proxied)
      return proxied
    }
    await row.check(name, () => scenario(start, [http1, http2]))
    for (const proxied of started) await proxied.stop()
    for (const { agent } of [http1, http2]) await agent.disconnect()
  }
}

function usesHttp2 ({ client, secure }) {
  return secure && client.tls === CONNECT
}
