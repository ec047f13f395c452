import { EventEmitter, once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { WebSocket as WsWebSocket } from 'ws'
import type { WebSocket, WebsocketPluginOptions } from '../../index.ts'
import { errorsIn } from '../helpers/logs.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Scenario, Transport } from '../helpers/transports.ts'
import { closed, waitTurns, waitUntil } from '../helpers/waiting.ts'

async function reject (): Promise<never> {
  throw new Error('rejected')
}

/** The events of a socket, each with a client that causes it. */
const EVENTS: Record<string, (client: WsWebSocket) => void> = {
  message: (client) => client.send('text'),
  ping: (client) => client.ping(),
  pong: (client) => client.pong(),
  drain: (client) => client.send('fill the buffer'),
  close: (client) => client.close()
}

/** Returns a scenario whose server runs with `events.captureRejections`. */
function withGlobal (scenario: Scenario): Scenario {
  return (title, routes, run, options) => scenario(`with events.captureRejections, ${title}`, async (app) => {
    EventEmitter.captureRejections = true
    await routes(app)
  }, async (t, fixture) => {
    t.teardown(() => { EventEmitter.captureRejections = false })
    return await run(t, fixture)
  }, options)
}

/** Async listeners of a socket that reject. */
export function testRejections (transport: Transport): void {
  const scenario = scenarios(transport)
  testCaptured(withGlobal(scenario), {})
  testCaptured((title, routes, run, options) => {
    scenario(`with captureRejections, ${title}`, routes, run, options)
  }, { captureRejections: true })

  scenario('a route with captureRejections passes the rejection of a listener to errorHandler', (app) => {
    app.get('/', { websocket: { captureRejections: true } }, (socket) => { socket.on('message', reject) })
  }, async (t, { open, logs }) => {
    const client = await open('/')
    client.send('go')
    t.equal((await closed(client)).code, 1011)
    t.match(errorsIn(logs), [{ err: { message: 'rejected' } }])
  })

  scenario('captureRejections: a rejection reaches errorHandler even if all listeners were removed', (app) => {
    app.get('/', { websocket: { captureRejections: true } }, (socket) => {
      socket.removeAllListeners()
      socket.on('message', reject)
    })
  }, async (t, { open, logs }) => {
    const client = await open('/')
    client.send('go')
    t.equal((await closed(client)).code, 1011)
    t.match(errorsIn(logs), [{ err: { message: 'rejected' } }])
  })

  scenario('without captureRejections, the rejection of a listener is an unhandled rejection', (app) => {
    app.get('/', { websocket: true }, (socket) => { socket.on('message', reject) })
    app.get('/off', { websocket: { captureRejections: false } }, (socket) => { socket.on('message', reject) })
  }, async (t, { open, logs }) => {
    for (const path of ['/', '/off']) {
      const client = await open(path)
      const rejected = new Promise((resolve) => process.once('unhandledRejection', resolve))
      client.send('go')
      t.match(await rejected, { message: 'rejected' })
      t.equal(client.readyState, client.OPEN)
      client.terminate()
    }
    t.strictSame(errorsIn(logs), [])
  })
}

function testCaptured (scenario: Scenario, options: WebsocketPluginOptions): void {
  for (const [event, cause] of Object.entries(EVENTS)) {
    scenario(`a listener for '${event}' that rejects is logged once`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.on(event, reject)
        if (event === 'drain') socket.on('message', () => socket.send(Buffer.alloc(2 ** 20)))
      })
    }, async (t, fixture) => {
      const client = await fixture.open('/')
      client.on('message', () => {})
      cause(client)
      const { code } = await closed(client)
      t.equal(code, event === 'close' ? 1005 : 1011)
      await waitUntil(() => errorsIn(fixture.logs).length > 0)
      await waitTurns(2)
      t.match(errorsIn(fixture.logs), [{ err: { message: 'rejected' } }])
      t.equal(errorsIn(fixture.logs).length, 1)
    }, options)
  }

  scenario('a listener that rejects with messages that waited is called for each, and errorHandler for the first', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      await once(app.server, 'proceed')
      socket.on('message', async (data) => { throw new Error(String(data)) })
    })
  }, async (t, { app, open, logs }) => {
    const client = await open('/')
    for (const text of ['one', 'two']) client.send(text)
    client.ping()
    await once(client, 'pong')
    app.server.emit('proceed')
    t.equal((await closed(client)).code, 1011)
    t.same(errorsIn(logs).map(({ err }) => err?.message), ['one', 'two'])
  }, options)

  scenario('a listener for \'error\' that rejects does not loop, and errorHandler receives each error once', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      let calls = 0
      socket.on('error', async () => { throw new Error(`rejected ${++calls}`) })
      socket.on('message', reject)
    })
  }, async (t, { open, logs }) => {
    const client = await open('/')
    client.send('go')
    t.equal((await closed(client)).code, 1011)
    await waitTurns(5)
    t.same(errorsIn(logs).map(({ err }) => err?.message), ['rejected', 'rejected 1'])
  }, options)

  scenario('a rejection that a listener for \'error\' passes on is reported once', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      socket.on('error', async (error) => { throw error })
      socket.on('message', reject)
    })
  }, async (t, { open, logs }) => {
    const client = await open('/')
    client.send('go')
    t.equal((await closed(client)).code, 1011)
    await waitTurns(5)
    t.same(errorsIn(logs).map(({ err }) => err?.message), ['rejected'])
  }, options)

  scenario('an errorHandler receives the rejection of a listener, whatever its value', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      // eslint-disable-next-line prefer-promise-reject-errors
      socket.on('message', async () => await Promise.reject(undefined))
    })
  }, async (t, { open }) => {
    const client = await open('/')
    client.send('go')
    t.same(await closed(client), { code: 4000, reason: 'a websocket handler threw undefined' })
  }, { ...options, errorHandler: (error, socket) => socket.close(4000, error.message) })

  scenario('a WebSocket class with a method for rejections receives them itself', addRejecting, async (t, { app, open }) => {
    const client = await open('/')
    const received = once(app.server, 'rejection')
    client.send('go')
    t.match(await received, [{ message: 'rejected' }, 'message'])
    t.equal(client.readyState, client.OPEN)
  }, { ...options, options: { WebSocket: HandlingSocket as typeof WsWebSocket } })
}

let serverOfClass: FastifyInstance['server']

function addRejecting (app: FastifyInstance): void {
  serverOfClass = app.server
  app.get('/', { websocket: true }, (socket: WebSocket) => { socket.on('message', reject) })
}

class HandlingSocket extends WsWebSocket {
  override [EventEmitter.captureRejectionSymbol] (error: Error, event: string): void {
    serverOfClass.emit('rejection', error, event)
  }
}
