/** The program examples/recipes/graphql.js, with the client of graphql-ws. */
import { createClient } from 'graphql-ws'
import type { Client } from 'graphql-ws'
import t from 'tap'
import type { Test } from 'tap'
import { TRANSPORTS, createClientClass } from '../helpers/beside.ts'
import { startRecipe } from '../helpers/recipes.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, waitUntil } from '../helpers/waiting.ts'

interface Graphql extends Fixture {
  client: Client
  /** Subscribes to a room. Returns the texts that arrive, and a function that ends the subscription. */
  listen (room: string): Promise<{ texts: string[], end: () => void }>
  /** Runs a query or a mutation on the socket. */
  run (query: string): Promise<unknown>
}

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: a client of graphql-ws receives what others say in its room`, async (t) => {
    const { app, listen, run } = await startGraphql(t, transport)
    const tea = await listen('tea')
    const coffee = await listen('coffee')
    t.match(await run('mutation { say(room: tea, text: "on the socket") { text } }'), {
      data: { say: { text: 'on the socket' } }
    })
    const { statusCode } = await app.inject({
      method: 'POST', url: '/graphql', payload: { query: 'mutation { say(room: tea, text: "by HTTP") { text } }' }
    })
    t.equal(statusCode, 200)
    await waitUntil(() => tea.texts.length === 2)
    t.same(tea.texts, ['on the socket', 'by HTTP'])
    t.same(coffee.texts, [])
    t.match(await run('{ rooms }'), { data: { rooms: ['coffee', 'tea'] } })

    const sockets = [...app.websocketServer.clients]
    t.equal(sockets.length, 1, 'all operations have one socket')
    t.equal(sockets[0]!.httpVersion, transport.httpVersion === '2.0' ? '2' : '1.1')
  })

  void t.test(`${transport.name}: a client that ends a subscription keeps its others`, async (t) => {
    const { listen, run } = await startGraphql(t, transport)
    const ended = await listen('tea')
    const other = await listen('coffee')
    ended.end()
    for (const room of ['tea', 'coffee']) await run(`mutation { say(room: ${room}, text: "one") { text } }`)
    await waitUntil(() => other.texts.length === 1)
    t.same(ended.texts, [])
  })

  void t.test(`${transport.name}: app.close() closes the sockets of mercurius with 1001, and a large message 1009`, async (t) => {
    const { app, open } = await startGraphql(t, transport)
    const [large, other] = await Promise.all([1, 2].map(() => open('/graphql', { protocols: 'graphql-transport-ws' })))
    large!.send(' '.repeat(64 * 1024 + 1))
    t.equal((await closed(large!)).code, 1009)
    const end = closed(other!)
    await app.close()
    t.equal((await end).code, 1001)
  })

  void t.test(`${transport.name}: a page of another origin cannot subscribe`, async (t) => {
    const { refused } = await startGraphql(t, transport)
    const options = { protocols: 'graphql-transport-ws', origin: 'https://evil.example' }
    t.equal((await refused('/graphql', options)).status, 403)
  })
}

async function startGraphql (t: Test, transport: Transport): Promise<Graphql> {
  const fixture = await startRecipe(t, 'graphql', transport)
  const url = `${fixture.origin.replace('http', 'ws')}/graphql`
  const client = createClient({ url, webSocketImpl: createClientClass(fixture), retryAttempts: 0 })
  t.teardown(() => client.dispose())
  return Object.assign(Object.create(fixture) as Fixture, { client, listen, run })

  async function listen (room: string): Promise<{ texts: string[], end: () => void }> {
    const received: string[] = []
    const end = client.subscribe<{ said: { text: string } }>({
      query: 'subscription ($room: Room!) { said(room: $room) { text } }', variables: { room }
    }, {
      next ({ data }) { received.push(data!.said.text) },
      error (error) { t.error(error) },
      complete () {}
    })
    // The server does not acknowledge a subscription.
    const say = async (text: string): Promise<unknown> => await run(`mutation { say(room: ${room}, text: "${text}") { text } }`)
    while (received.length === 0) await say('ready?')
    await say('ready')
    await waitUntil(() => received.at(-1) === 'ready')
    received.length = 0
    return { texts: received, end }
  }

  async function run (query: string): Promise<unknown> {
    const { value } = await client.iterate({ query }).next()
    return value
  }
}
