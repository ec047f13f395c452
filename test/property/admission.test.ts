import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { WebSocket as WsWebSocket } from 'ws'
import type { SocketCloseMessage, SocketOpenMessage, WebsocketStats } from '../../index.ts'
import { lastAdmission } from '../helpers/admission.ts'
import { createCertificate } from '../helpers/certificate.js'
import { record, recordTraces } from '../helpers/channels.ts'
import { openEcho } from '../helpers/echo.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { OFFER_DEFLATE, upgradeRequest } from '../helpers/upgrade-request.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { connectionsOf } from './peers.ts'
import { testProperty, waitUntil } from './property.ts'

const MAX_SOCKETS = 3
const MAX_PENDING = 6

const VERDICTS = ['accept', 'refuse', 'throw', 'destroy'] as const
const ENDS = ['reset', 'end', 'server closes', 'server terminates', 'server forgets listeners'] as const

type Verdict = typeof VERDICTS[number]
type End = typeof ENDS[number]

/** Way in which a handshake is answered: immediately, or by a hook or `verifyClient` that waits for a verdict. */
const WAYS = ['open', 'hook', 'verifyClient', 'unknown path', 'invalid header', 'invalid subprotocol', 'handleProtocols throws', 'setSocket throws'] as const

type Way = typeof WAYS[number]

const PATHS: Partial<Record<Way, string>> = {
  hook: '/hook', verifyClient: '/verify', 'unknown path': '/none', 'invalid header': '/header'
}
const SUBPROTOCOLS: Partial<Record<Way, string>> = {
  'invalid subprotocol': 'a, ,', 'handleProtocols throws': 'throws', 'setSocket throws': 'fails'
}

type Action =
  | { act: 'start', way: Way, isHttp2: boolean }
  | { act: 'answer', index: number, verdict: Verdict }
  | { act: 'end', index: number, how: End }
  | { act: 'lose session', how: 'RST' | 'FIN' | 'GOAWAY' }
  | { act: 'wait' }

/** The hooks and `verifyClient` that wait. */
const waiting: Array<(verdict: Verdict) => void> = []

async function decide (): Promise<Verdict> {
  return await new Promise((resolve) => { waiting.push(resolve) })
}

let isFailing = false

class FailingSocket extends WsWebSocket {
  setSocket (...parameters: unknown[]): void {
    const fails = isFailing
    isFailing = false
    if (fails) throw new Error('no socket')
    Reflect.apply(Reflect.get(WsWebSocket.prototype, 'setSocket'), this, parameters)
  }
}

function addRoutes (app: FastifyInstance): void {
  app.addHook('preValidation', async (request: FastifyRequest, reply: FastifyReply) => {
    if (request.url === '/header') return reply.header('x-invalid', 'ü€')
    if (request.url !== '/hook') return
    const verdict = await decide()
    if (verdict === 'refuse') return reply.code(403).send()
    if (verdict === 'throw') throw new Error('no')
    if (verdict === 'destroy') reply.hijack().raw.destroy()
  })
  for (const path of ['/echo', '/hook', '/verify', '/header']) {
    app.get(path, { websocket: true }, (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
  }
}

async function start (handshakeTimeout: number): Promise<TestServer> {
  return await startServer(t, addRoutes, {
    tls: true,
    server: { https: { ...await createCertificate(), allowHTTP1: true } },
    plugin: {
      maxSockets: MAX_SOCKETS,
      maxPendingHandshakes: MAX_PENDING,
      handshakeTimeout,
      errorHandler: () => {},
      options: {
        perMessageDeflate: true,
        WebSocket: FailingSocket,
        closeTimeout: 100,
        verifyClient: async ({ req }) => {
          if (req.url !== '/verify') return true
          const verdict = await decide()
          if (verdict === 'throw') throw new Error('no')
          if (verdict === 'destroy') req.socket.destroy()
          return verdict === 'accept'
        },
        handleProtocols: (protocols) => {
          if (protocols.has('throws')) throw new Error('no')
          isFailing = protocols.has('fails')
          return false
        }
      }
    }
  })
}

/** Clients of both transports that start handshakes, and end them in any way. */
class Clients {
  readonly #server: TestServer
  readonly #started: Array<{ tcp?: Socket, tls?: Socket, client?: FrameClient, streamId: number }> = []
  #client: FrameClient | undefined
  #streamId = 1

  constructor (server: TestServer) {
    this.#server = server
  }

  async run (action: Action): Promise<void> {
    if (action.act === 'start') await this.#start(action.way, action.isHttp2)
    else if (action.act === 'answer') pick(waiting, action.index, (index) => waiting.splice(index, 1)[0]!(action.verdict))
    else if (action.act === 'end') this.#end(action.index, action.how)
    else if (action.act === 'lose session') this.#loseSession(action.how)
    else await waitTurns(3)
  }

  close (): void {
    for (const { tcp, client } of this.#started) {
      tcp?.destroy()
      client?.destroy()
    }
  }

  async #start (way: Way, isHttp2: boolean): Promise<void> {
    const path = PATHS[way] ?? '/echo'
    const subprotocols = SUBPROTOCOLS[way]
    if (!isHttp2) {
      const tcp = connectTcp(this.#server.port, '127.0.0.1')
      const tls = connectTls({ socket: tcp, rejectUnauthorized: false })
      tls.on('error', () => {}).resume()
      tls.write(upgradeRequest(path, [OFFER_DEFLATE, ...subprotocols === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocols}`]]))
      this.#started.push({ tcp, tls, streamId: 0 })
      return
    }
    if (this.#client === undefined) {
      this.#client = await this.#server.client()
      this.#streamId = 1
    }
    this.#client.connect(this.#streamId, path, {
      'sec-websocket-protocol': subprotocols, 'sec-websocket-extensions': 'permessage-deflate'
    })
    this.#started.push({ client: this.#client, streamId: this.#streamId })
    this.#streamId += 2
  }

  #end (index: number, how: End): void {
    const { sockets } = this.#server
    if (how === 'server closes') pick(sockets, index, (at) => sockets[at]!.close(4000))
    else if (how === 'server terminates') pick(sockets, index, (at) => sockets[at]!.terminate())
    else if (how === 'server forgets listeners') pick(sockets, index, (at) => sockets[at]!.removeAllListeners().terminate())
    else {
      pick(this.#started, index, (at) => {
        const { tcp, tls, client, streamId } = this.#started[at]!
        if (how === 'reset') {
          tcp?.resetAndDestroy()
          client?.rst(streamId)
        } else {
          tls?.end()
          client?.end(streamId)
        }
      })
    }
  }

  #loseSession (how: 'RST' | 'FIN' | 'GOAWAY'): void {
    if (how === 'RST') this.#client?.resetConnection()
    else if (how === 'FIN') this.#client?.endConnection()
    else this.#client?.goaway()
    this.#client = undefined
  }
}

function pick (list: unknown[], index: number, act: (index: number) => void): void {
  if (list.length > 0) act(index % list.length)
}

const index = fc.nat(7)
const actions: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('start' as const),
      way: fc.oneof(fc.constantFrom('open', 'hook', 'verifyClient'), fc.constantFrom(...WAYS)),
      isHttp2: fc.boolean()
    })
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('answer' as const), index, verdict: fc.constantFrom(...VERDICTS) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('end' as const), index, how: fc.constantFrom(...ENDS) }) },
  fc.record({ act: fc.constant('lose session' as const), how: fc.constantFrom('RST', 'FIN', 'GOAWAY') }),
  { weight: 4, arbitrary: fc.constant({ act: 'wait' as const }) }
)

const endings = [
  { server: await start(0), answers: true, title: '' },
  { server: await start(30), answers: false, title: ', and handshakeTimeout ends what nothing answers' }
]
for (const { server } of endings) await openSocket(server)

const traces = recordTraces(t)
const opens = record<SocketOpenMessage>(t, 'socket:open')
const ends = record<SocketCloseMessage>(t, 'socket:close')
const refusals = record(t, 'handshake:refused')

/** Checks that the statistics agree with what was published since `before`, and with each other. */
function checkCounts (before: WebsocketStats, { sockets, handshakes, sessions }: WebsocketStats): void {
  const [closed, refused] = [sum(sockets.closed), sum(handshakes.refused)]
  assert.equal(sockets.open, 0)
  assert.equal(sockets.bufferedBytes, 0)
  assert.equal(sockets.opened, closed)
  assert.equal(sessions.open, 0)
  assert.deepEqual([opens.length, ends.length], Array(2).fill(sockets.opened - before.sockets.opened))
  assert.deepEqual(new Set(ends.map(({ socket }) => socket)), new Set(opens.map(({ socket }) => socket)))
  assert.equal(refusals.length, refused - sum(before.handshakes.refused))
  const started = opens.length + refusals.length
  for (const name of ['start', 'end', 'asyncStart', 'asyncEnd']) {
    assert.equal(traces.names.filter((each) => each === name).length, started, name)
  }
  const ended = traces.messages.filter((_, index) => traces.names[index] === 'asyncEnd')
  assert.equal(new Set(ended).size, started, 'each handshake ends once')
  for (const list of [traces.names, traces.messages, opens, ends, refusals]) list.length = 0
}

function sum (counts: object): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

for (const { server, answers, title } of endings) {
  const { clients } = server.app.websocketServer
  const connections = connectionsOf(server.app.server)

  await testProperty(`maxSockets and maxPendingHandshakes are not exceeded, and nothing is counted after all handshakes and sockets have ended in any way${title}`,
    { runs: 60 }, fc.array(actions, { maxLength: 40, size: 'max' }),
    async (list) => {
      await openSocket(server)
      const admission = lastAdmission()
      await waitUntil(() => connections.size === 0, 'no session is open')
      for (const list of [traces.names, traces.messages, opens, ends, refusals]) list.length = 0
      const before = server.app.websocketServer.stats()
      const running = new Clients(server)
      for (const action of list) {
        await running.run(action)
        const open = [...clients].filter(({ readyState, CLOSED }) => readyState !== CLOSED)
        assert.ok(admission.open <= MAX_SOCKETS && open.length <= MAX_SOCKETS, `${open.length} open sockets`)
        assert.ok(admission.pending <= MAX_PENDING, `${admission.pending} pending handshakes`)
      }
      running.close()
      await waitUntil(() => {
        if (answers) for (const answer of waiting.splice(0)) answer('accept')
        return admission.open + admission.pending + connections.size + admission.compression.bytes === 0
      }, 'nothing is counted')
      assert.equal(admission.compression.sockets, 0)
      await waitUntil(() => server.app.websocketServer.stats().sessions.open === 0, 'no session is open')
      checkCounts(before, server.app.websocketServer.stats())
      for (const answer of waiting.splice(0)) answer('accept')
      server.sockets.length = 0
      isFailing = false
      // ws removes a socket by a listener, which the user may remove.
      clients.clear()
    })
}

async function openSocket (server: TestServer): Promise<void> {
  const client = await server.client()
  await openEcho(client, 1)
  client.destroy()
}
