import { App } from './app.js'
import { runScenarios } from './run-scenarios.js'
import { NOT_ADVERTISED_SCENARIOS, PAGE_SCENARIOS, SCENARIOS } from './scenarios.js'
import { CONNECT, UPGRADE } from './transports.js'

/** Runs a client without a proxy: with TLS, without TLS, and with a server that does not advertise Extended CONNECT. */
export async function runDirectly (client, agent, folder, report) {
  const app = await App.start(folder)
  const common = { client, agent, app, report }
  const tls = {
    setup: 'TLS',
    origin: `https://localhost:${app.ports.tls}`,
    transport: client.tls,
    unsupported: { ...client.unsupported, ...client.unsupportedOverHttp2 }
  }
  await runScenarios({ ...common, ...tls, scenarios: SCENARIOS })
  await runScenarios({
    ...common,
    scenarios: SCENARIOS,
    setup: 'without TLS',
    origin: `http://localhost:${client.cleartext === CONNECT ? app.ports.h2c : app.ports.h1}`,
    transport: client.cleartext
  })
  await runScenarios({
    ...common,
    scenarios: NOT_ADVERTISED_SCENARIOS,
    setup: 'TLS, Extended CONNECT not advertised',
    origin: `https://localhost:${app.ports.unadvertised}`,
    transport: UPGRADE
  })
  // Must be last: the scenarios kill the browser.
  if (client.isBrowser) await runScenarios({ ...common, ...tls, setup: 'a page, TLS', scenarios: PAGE_SCENARIOS })
  await app.kill()
}
