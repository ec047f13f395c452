import assert from 'node:assert/strict'
import { Visit } from './visit.js'

/** Runs scenarios with one client by one way, and then has a look at what they left in the app. */
export async function runScenarios ({ client, lacks = client.lacks, agent, app, report, scenarios, way, origin, over }) {
  const row = report.addRow(client.name, agent.version, way, over)
  await agent.visit(origin)
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (lacks[name] !== undefined) row.lack(name, lacks[name])
    else await row.check(name, () => scenario(new Visit(app, agent, origin, over)))
  }
  await agent.leave()
  await row.check('nothing is left open, and the app has nothing to complain of', async () => {
    assert.deepEqual(await app.settled(), { streams: 0, sockets: 0, complaints: [] })
  })
}
