import { App } from './app.js'
import { runScenarios } from './run-scenarios.js'
import { NOT_ADVERTISED_SCENARIOS, PAGE_SCENARIOS, SCENARIOS } from './scenarios.js'
import { CONNECT, UPGRADE } from './transports.js'

/** The warning of a server that has HTTP/2 only. */
const HTTP1_WARNING = /^a client that offered only HTTP\/1.1 could not connect/

/**
 * Runs a client without a proxy: with TLS, without TLS, with a server that does not advertise Extended CONNECT, and, if the
 * client prefers HTTP/1.1, with a server that has HTTP/2 only.
 */
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
  if (client.fallsBackToHttp2) {
    await runScenarios({
      ...common,
      unsupported: { ...client.unsupported, ...client.unsupportedOverHttp2 },
      scenarios: SCENARIOS,
      setup: 'TLS, HTTP/2 only',
      origin: `https://localhost:${app.ports.http2Only}`,
      transport: CONNECT,
      warning: HTTP1_WARNING
    })
  }
  // Must be last: the scenarios kill the browser.
  if (client.isBrowser) await runScenarios({ ...common, ...tls, setup: 'a page, TLS', scenarios: PAGE_SCENARIOS })
  await app.kill()
}
