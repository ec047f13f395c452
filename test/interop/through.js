import assert from 'node:assert/strict'
import { countConnections } from './connections.js'
import { CONNECT } from './over.js'
import { runScenarios } from './run-scenarios.js'
import { SCENARIOS } from './scenarios.js'
import { Site } from './site.js'
import { TROUBLES } from './troubles.js'

const FEW = 5

/** The app cannot see what is in front of the proxy. */
const OVER_HTTP2 = {
  async 'fewer connections to the proxy than sockets' (visit) {
    const sockets = await Promise.all(Array.from({ length: FEW }, () => visit.open()))
    const count = await countConnections(Number(new URL(visit.origin).port))
    assert.ok(count > 0 && count < FEW, `${count} connections`)
    await Promise.all(sockets.map((socket) => socket.close(1000, '')))
  }
}

/**
 * Has clients go through a proxy, to the app behind it in clear and with TLS, and then has things go wrong. Each of the
 * fronts is a client, its agent, and whether it uses TLS.
 */
export async function meetThrough (proxy, version, fronts, folder, report) {
  const name = `${proxy.name} ${version}`
  for (const tls of [false, true]) {
    const site = await Site.start(proxy, folder, { tls })
    for (const { client, agent, secure } of fronts) {
      await runScenarios({
        client,
        agent,
        app: site.app,
        report,
        ...(overHttp2({ client, secure })
          ? { scenarios: { ...SCENARIOS, ...OVER_HTTP2 }, lacks: { ...client.lacks, ...proxy.lacks } }
          : { scenarios: SCENARIOS }),
        way: `${secure ? 'with TLS' : 'in clear'} through ${name} to an app ${tls ? 'with TLS' : 'in clear'}`,
        origin: site.originFor(secure),
        over: site.over
      })
    }
    await site.stop()
  }
  await meetTroubles(proxy, fronts, folder, report.addRow(proxy.name, version, 'in trouble'))
}

async function meetTroubles (proxy, fronts, folder, row) {
  const [slow, fast] = [fronts.find(({ secure }) => !secure), fronts.find(overHttp2)]
  for (const [name, trouble] of Object.entries(TROUBLES)) {
    if (proxy.lacks[name] !== undefined) {
      row.lack(name, proxy.lacks[name])
      continue
    }
    const sites = []
    const start = async (options) => {
      const site = await Site.start(proxy, folder, options)
      sites.push(site)
      return site
    }
    await row.check(name, () => trouble(start, [slow, fast]))
    for (const site of sites) await site.stop()
    for (const { agent } of [slow, fast]) await agent.leave()
  }
}

function overHttp2 ({ client, secure }) {
  return secure && client.tls === CONNECT
}
