import assert from 'node:assert/strict'
import { ScenarioContext } from './scenario-context.js'

/**
 * Runs scenarios with one client in one setup, and then checks that the app has nothing left of them.
 *
 * @param options `warning`: a warning that the app may log
 */
export async function runScenarios ({
  client, unsupported = client.unsupported, agent, app, report, scenarios, setup, origin, transport, warning
}) {
  const row = report.addRow(client.name, agent.version, setup, transport)
  await agent.setOrigin(origin)
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (unsupported[name] !== undefined) row.skip(name, unsupported[name])
    else await row.check(name, () => scenario(new ScenarioContext(app, agent, origin, transport)))
  }
  await agent.disconnect()
  await row.check('no open stream, no open socket and no logged warning in the app', async () => {
    const { warnings, ...open } = await app.settle()
    assert.deepEqual(open, { streams: 0, sockets: 0 })
    assert.deepEqual(warnings.filter((each) => !warning?.test(each)), [])
  })
}
