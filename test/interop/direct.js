import { App } from './app.js'
import { CONNECT, UPGRADE } from './over.js'
import { runScenarios } from './run-scenarios.js'
import { IN_A_PAGE, NOT_ADVERTISED, SCENARIOS } from './scenarios.js'

/** Has a client reach the app by itself: over TLS, in clear, and where Extended CONNECT is not advertised. */
export async function meetDirectly (client, agent, folder, report) {
  const app = await App.start(folder)
  const visit = { client, agent, app, report }
  const tls = {
    way: 'TLS',
    origin: `https://localhost:${app.ports.tls}`,
    over: client.tls,
    lacks: { ...client.lacks, ...client.lacksOverHttp2 }
  }
  await runScenarios({ ...visit, ...tls, scenarios: SCENARIOS })
  await runScenarios({
    ...visit,
    scenarios: SCENARIOS,
    way: 'in clear',
    origin: `http://localhost:${client.clear === CONNECT ? app.ports.h2c : app.ports.h1}`,
    over: client.clear
  })
  await runScenarios({
    ...visit,
    scenarios: NOT_ADVERTISED,
    way: 'TLS, Extended CONNECT not advertised',
    origin: `https://localhost:${app.ports.unadvertised}`,
    over: UPGRADE
  })
  // The last, since it kills the browser.
  if (client.isBrowser) await runScenarios({ ...visit, ...tls, way: 'a page, TLS', scenarios: IN_A_PAGE })
  await app.kill()
}
