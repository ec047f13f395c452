import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { lastAdmission } from '../helpers/admission.ts'
import { addEcho } from '../helpers/echo.ts'
import { WARN, errorsIn } from '../helpers/logs.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Refusal, Transport } from '../helpers/transports.ts'
import { nextText, waitUntil } from '../helpers/waiting.ts'
import { checkEcho } from './checks.ts'

/** Adds /waiting, whose hook answers all of its handshakes on the event 'answer' of the server. */
function addWaiting (app: FastifyInstance): void {
  app.server.setMaxListeners(0)
  app.get('/waiting', {
    websocket: true,
    preValidation: (_request, _reply, done) => { app.server.once('answer', () => done()) }
  }, (socket) => socket.send('open'))
  addEcho(app)
}

let failing = false

/** Class of a user that fails when its socket is open. */
class FailingSocket extends WebSocket {
  // @ts-expect-error @types/ws declares a property, and ws has a getter.
  override get extensions (): string {
    if (failing) throw new Error('no extensions')
    return ''
  }
}

async function waitForCounters (open: number, pending: number): Promise<void> {
  await waitUntil(() => lastAdmission().open === open && lastAdmission().pending === pending,
    `${open} open sockets and ${pending} pending handshakes`)
}

/** Starts a handshake whose outcome is either a text or a status. */
async function outcomeOf ({ connect }: Fixture, path: string): Promise<string | number> {
  const socket = connect(path)
  socket.on('error', () => {})
  const refusal = once(socket, 'unexpected-response').then(([request, response]) => {
    request.destroy()
    return response.statusCode as number
  })
  return await Promise.race([nextText(socket), refusal])
}

function checkBusy (t: Test, { status, headers }: Refusal): void {
  t.equal(status, 503)
  t.match(headers['retry-after'], /^\d+$/)
}

/** `maxSockets` and `maxPendingHandshakes`. */
export function testLimits (transport: Transport): void {
  const scenario = scenarios(transport)

  // maxSockets

  scenario('with maxSockets open a handshake is refused with 503 and Retry-After, and its hooks do not run', (app) => {
    let hooks = 0
    app.addHook('onRequest', async () => { app.server.emit('hook', ++hooks) })
    app.get('/count', { websocket: true }, (socket) => socket.send(String(hooks)))
    app.get('/page', async () => 'page')
    addEcho(app)
  }, async (t, fixture) => {
    const [first] = [await fixture.open('/echo'), await fixture.open('/echo')]
    for (let count = 0; count < 3; count++) checkBusy(t, await fixture.refused('/echo'))
    t.equal(fixture.app.websocketServer.stats().handshakes.refused.max_sockets, 3)
    first.terminate()
    await waitForCounters(1, 0)
    t.equal(await nextText(fixture.connect('/count')), '3')
    t.equal((await fixture.app.inject('/page')).body, 'page')
  }, { maxSockets: 2 })

  scenario('refusals by maxSockets are logged together, with the option, its value and their number', addEcho, async (t, fixture) => {
    await fixture.open('/echo')
    for (let count = 0; count < 4; count++) await fixture.refused('/echo')
    await fixture.app.close()
    const warnings = fixture.logs.filter(({ level }) => level >= WARN) as Array<{ refused?: number }>
    t.ok(warnings.length < 4)
    for (const warning of warnings) t.match(warning, { level: WARN, option: 'maxSockets', limit: 1, msg: /refused with 503/ })
    t.equal(warnings.reduce((sum, { refused = 0 }) => sum + refused, 0), 4)
  }, { maxSockets: 1 })

  scenario('maxSockets is not exceeded by handshakes that hooks answer at the same time', (app) => {
    app.setErrorHandler((error: Error & { code?: string }, _request, reply) => {
      app.server.emit('refusal', error.code)
      return reply.code(503).send()
    })
    addWaiting(app)
  }, async (t, fixture) => {
    const codes: unknown[] = []
    fixture.app.server.on('refusal', (code) => codes.push(code))
    const outcomes = Array.from({ length: 5 }, async () => await outcomeOf(fixture, '/waiting'))
    await waitUntil(() => fixture.app.server.listenerCount('answer') === 5)
    t.equal(lastAdmission().pending, 5)
    fixture.app.server.emit('answer')
    t.same((await Promise.all(outcomes)).sort(), [503, 503, 503, 'open', 'open'])
    t.same(codes, Array.from({ length: 3 }, () => 'FST_WS_TOO_MANY_SOCKETS'))
    t.equal(fixture.app.websocketServer.clients.size, 2)
    await waitForCounters(2, 0)
  }, { maxSockets: 2 })

  scenario('a handshake that is refused at the moment it would be accepted receives Retry-After', addWaiting, async (t, fixture) => {
    const waiting = fixture.refused('/waiting')
    await waitUntil(() => fixture.app.server.listenerCount('answer') === 1)
    await fixture.open('/echo')
    fixture.app.server.emit('answer')
    checkBusy(t, await waiting)
    t.match(errorsIn(fixture.logs), [{ err: { code: 'FST_WS_TOO_MANY_SOCKETS' } }])
  }, { maxSockets: 1 })

  for (const verdict of [true, false]) {
    scenario(`a handshake reserves its socket while verifyClient decides, and ${verdict ? 'keeps it' : 'releases it when it is refused'}`, addEcho, async (t, fixture) => {
      const deciding = outcomeOf(fixture, '/echo?slow')
      await once(fixture.app.server, 'deciding')
      t.equal(lastAdmission().open, 1)
      checkBusy(t, await fixture.refused('/echo'))
      fixture.app.server.emit('verdict', verdict)
      if (verdict) {
        await waitForCounters(1, 0)
        checkBusy(t, await fixture.refused('/echo'))
        t.equal(fixture.app.websocketServer.clients.size, 1)
      } else {
        t.equal(await deciding, 401)
        await waitForCounters(0, 0)
        await checkEcho(t, fixture)
      }
    }, {
      maxSockets: 1,
      options: {
        verifyClient: async ({ req }) => {
          if (req.url !== '/echo?slow') return true
          const { server } = req.socket as unknown as { server: FastifyInstance['server'] }
          server.emit('deciding')
          const [accepted] = await once(server, 'verdict')
          return accepted
        }
      }
    })
  }

  scenario('maxSockets counts sockets with clientTracking: false', addEcho, async (t, fixture) => {
    const socket = await fixture.open('/echo')
    checkBusy(t, await fixture.refused('/echo'))
    socket.close()
    await waitForCounters(0, 0)
    await checkEcho(t, fixture)
  }, { maxSockets: 1, options: { clientTracking: false } })

  scenario('a socket whose listeners were all removed is no longer counted when it has closed', (app) => {
    app.get('/bare', { websocket: true }, (socket) => {
      socket.removeAllListeners()
      socket.send('bare')
    })
    addEcho(app)
  }, async (t, fixture) => {
    const socket = fixture.connect('/bare')
    await nextText(socket)
    socket.terminate()
    await waitForCounters(0, 0)
    await checkEcho(t, fixture)
  }, { maxSockets: 1, shutdownTimeout: 50 })

  for (const verifyClient of [undefined, async () => true]) {
    scenario(`a handshake that fails after its response was sent is not counted${verifyClient === undefined ? '' : ', with an asynchronous verifyClient'}`, addEcho, async (t, fixture) => {
      failing = true
      t.teardown(() => { failing = false })
      const socket = fixture.connect('/echo')
      socket.on('error', () => {})
      await once(socket, 'close')
      await waitForCounters(0, 0)
      failing = false
      await checkEcho(t, fixture)
    }, { maxSockets: 1, handshakeTimeout: 0, options: { WebSocket: FailingSocket, verifyClient } })
  }

  // maxPendingHandshakes

  scenario('with maxPendingHandshakes unanswered a handshake is refused with 503, and plain requests are served', (app) => {
    addWaiting(app)
    app.get('/page', async () => 'page')
  }, async (t, fixture) => {
    const outcomes = ['one', 'two'].map(async () => await outcomeOf(fixture, '/waiting'))
    await waitUntil(() => fixture.app.server.listenerCount('answer') === 2)
    checkBusy(t, await fixture.refused('/echo'))
    t.equal(fixture.app.websocketServer.stats().handshakes.refused.max_pending_handshakes, 1)
    t.equal((await fixture.app.inject('/page')).body, 'page')
    fixture.app.server.emit('answer')
    t.same(await Promise.all(outcomes), ['open', 'open'])
    t.match(fixture.logs.filter(({ level }) => level >= WARN), [{ level: WARN, option: 'maxPendingHandshakes', refused: 1 }])
    await checkEcho(t, fixture)
  }, { maxPendingHandshakes: transport.httpVersion === '2.0' ? 5 : 2 })

  scenario('a handshake is no longer pending after handshakeTimeout', addWaiting, async (t, fixture) => {
    t.equal((await fixture.refused('/waiting')).status, 503)
    await waitForCounters(0, 0)
    await checkEcho(t, fixture)
    t.equal(fixture.app.websocketServer.stats().handshakes.refused.max_pending_handshakes, 0)
  }, { maxPendingHandshakes: 1, handshakeTimeout: 50 })

  scenario('a handshake that the server began to refuse as it closes is not pending afterwards', addWaiting, async (t, fixture) => {
    const outcome = outcomeOf(fixture, '/waiting')
    const open = await fixture.open('/echo')
    await waitForCounters(1, 1)
    const closing = fixture.app.close()
    await once(open, 'close')
    fixture.app.server.emit('answer')
    t.equal(await outcome, 503)
    await closing
    await waitForCounters(0, 0)
  })

  scenario('sockets and handshakes that are ended at shutdownTimeout are no longer counted', addWaiting, async (_t, fixture) => {
    await fixture.open('/echo')
    fixture.connect('/waiting').on('error', () => {})
    await waitForCounters(1, 1)
    await fixture.app.close()
    await waitForCounters(0, 0)
  }, { shutdownTimeout: 50, preClose: async () => await delay(10_000, undefined, { ref: false }) })

  // Recipes of docs/limits.md

  scenario('a synchronous preHandler that counts the open sockets of an address is exact', (app) => {
    app.server.setMaxListeners(0)
    let open = 0
    app.get('/waiting', {
      websocket: true,
      preValidation: (_request, _reply, done) => { app.server.once('answer', () => done()) },
      preHandler: (_request, reply, done) => {
        if (open < 2) done()
        else reply.code(429).send()
      }
    }, (socket) => {
      open++
      socket.on('close', () => { open-- })
      socket.send('open')
    })
  }, async (t, fixture) => {
    const outcomes = Array.from({ length: 5 }, async () => await outcomeOf(fixture, '/waiting'))
    await waitUntil(() => fixture.app.server.listenerCount('answer') === 5)
    fixture.app.server.emit('answer')
    t.same((await Promise.all(outcomes)).sort(), [429, 429, 429, 'open', 'open'])
  })

  // injectWS

  scenario('injectWS rejects with 503 and Retry-After when maxSockets are open', addEcho, async (t, { app }) => {
    const options = { http: transport.httpVersion === '2.0' ? '2' : '1.1' } as const
    const socket = await app.injectWS('/echo', {}, options)
    await t.rejects(app.injectWS('/echo', {}, options), {
      code: 'FST_WS_UNEXPECTED_RESPONSE', statusCode: 503, headers: { 'retry-after': /^\d+$/ }
    })
    socket.terminate()
    await waitForCounters(0, 0)
    t.equal((await app.injectWS('/echo', {}, options)).readyState, 1)
  }, { maxSockets: 1 })
}
