import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { ERROR_CODES, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import { ObservedSocket } from './peers.ts'
import { testProperty, waitUntil } from './property.ts'
import { SocketModel, openWindows } from './socket-model.ts'

/** The state of the session that commands depend on. */
interface SessionModel {
  /** Number of sockets that were opened. */
  sockets: number
  acceptsStreams: boolean
  isLost: boolean
}

interface Real {
  client: FrameClient
  sockets: SocketModel[]
}

const MAX_SOCKETS = 6
const observed = new Map<string, ObservedSocket>()
let count = 0

const server = await startServer(t, (app: FastifyInstance) => {
  app.get('/:id', { websocket: true }, (socket, { url }) => { observed.set(url, new ObservedSocket(socket)) })
}, { plugin: { errorHandler: () => {} } })

class Command implements fc.AsyncCommand<SessionModel, Real> {
  readonly #description: string
  readonly #mayRun: (model: SessionModel) => boolean
  readonly #act: (model: SessionModel, real: Real) => unknown

  constructor (
    description: string, mayRun: (model: SessionModel) => boolean, act: (model: SessionModel, real: Real) => unknown
  ) {
    this.#description = description
    this.#mayRun = mayRun
    this.#act = act
  }

  check (model: Readonly<SessionModel>): boolean {
    return !model.isLost && this.#mayRun(model)
  }

  async run (model: SessionModel, real: Real): Promise<void> {
    await this.#act(model, real)
  }

  toString (): string {
    return this.#description
  }
}

async function open (model: SessionModel, { client, sockets }: Real): Promise<void> {
  const path = `/${count++}`
  const id = 2 * model.sockets++ + 1
  client.connect(id, path)
  await client.response(id)
  sockets.push(new SocketModel(client, id, observed.get(path)!))
}

/** Returns a command for one of the open sockets. */
function onSocket<Value> (
  description: string, values: fc.Arbitrary<Value>, act: (socket: SocketModel, value: Value) => void
): fc.Arbitrary<Command> {
  return fc.tuple(fc.nat(MAX_SOCKETS - 1), values).map(([index, value]) => {
    return new Command(`${description} #${index} ${JSON.stringify(value)}`, ({ sockets }) => sockets > 0, (_model, { sockets }) => {
      act(sockets[index % sockets.length]!, value)
    })
  })
}

function onSession<Value> (
  description: string, values: fc.Arbitrary<Value>,
  act: (client: FrameClient, value: Value, model: SessionModel, real: Real) => unknown
): fc.Arbitrary<Command> {
  return values.map((value) => {
    return new Command(`${description} ${JSON.stringify(value)}`, () => true, (model, real) => act(real.client, value, model, real))
  })
}

function lose (model: SessionModel, { sockets }: Real): void {
  model.isLost = true
  for (const socket of sockets) socket.allowLoss()
}

/** Waits for the server. After GOAWAY it may end the connection before it answers. */
async function settle (client: FrameClient, _value: null, model: SessionModel): Promise<void> {
  if (model.acceptsStreams) await client.roundTrip()
  else await Promise.race([client.closed, client.roundTrip().catch(() => client.closed)])
}

const nothing = fc.constant(null)
const message = fc.record({
  size: fc.oneof(fc.nat(200), fc.nat(200), fc.constantFrom(4096, 16_384, 300_000), fc.nat(150_000)),
  isBinary: fc.boolean()
})
const closing = fc.record({ code: fc.constantFrom(1000, 1001, 3000, 4999), reason: fc.constantFrom('', 'bye', 'tschüß') })

const commands = [
  fc.constant(new Command('open', ({ sockets, acceptsStreams }) => acceptsStreams && sockets < MAX_SOCKETS, open)),
  fc.constant(new Command('open', ({ sockets, acceptsStreams }) => acceptsStreams && sockets < MAX_SOCKETS, open)),
  ...[1, 2, 3].map(() => onSocket('the client sends', message, (socket, { size, isBinary }) => {
    socket.sendFromClient(size, isBinary)
  })),
  ...[1, 2, 3].map(() => onSocket('the server sends', message, (socket, { size, isBinary }) => {
    socket.sendFromServer(size, isBinary)
  })),
  onSocket('pause', nothing, (socket) => socket.pause()),
  onSocket('resume', nothing, (socket) => socket.resume()),
  onSocket('the client closes', closing, (socket, { code, reason }) => socket.closeFromClient(code, reason)),
  onSocket('the server closes', closing, (socket, { code, reason }) => socket.closeFromServer(code, reason)),
  onSocket('terminate', nothing, (socket) => socket.terminate()),
  onSocket('RST_STREAM', fc.constantFrom(...ERROR_CODES), (socket, code) => socket.reset(code)),
  onSocket('WINDOW_UPDATE', fc.integer({ min: 1, max: 100_000 }), (socket, increment) => socket.openWindow(increment)),
  onSession('WINDOW_UPDATE', fc.integer({ min: 1, max: 300_000 }), (client, bytes) => client.windowUpdate(0, bytes)),
  onSession('SETTINGS', fc.nat(200_000), (client, size) => client.settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: size })),
  onSession('settle', nothing, settle),
  onSession('settle', nothing, settle),
  onSession('GOAWAY', fc.constantFrom('NO_ERROR' as const, ...ERROR_CODES), (client, code, model, real) => {
    client.goaway(code)
    model.acceptsStreams = false
    if (code !== 'NO_ERROR') lose(model, real)
  }),
  onSession('FIN', nothing, (client, _value, model, real) => { lose(model, real); client.endConnection() }),
  onSession('TCP reset', nothing, (client, _value, model, real) => { lose(model, real); client.resetConnection() })
]

await testProperty('no message of the sockets of a session is lost, duplicated or mixed up, and each socket closes once with its code',
  { runs: 150 }, fc.commands(commands, { maxCommands: 60, size: 'max' }),
  async (commands) => {
    const real: Real = { client: await server.client({ windowUpdates: false }), sockets: [] }
    const model: SessionModel = { sockets: 0, acceptsStreams: true, isLost: false }
    await fc.asyncModelRun(() => ({ model, real }), commands)

    if (!model.isLost) openWindows(real.client)
    for (const socket of real.sockets) socket.finish()
    await Promise.all(real.sockets.map((socket) => socket.check()))
    await waitUntil(() => server.streams.size === 0 && server.app.websocketServer.clients.size === 0, 'no stream and no socket is left')
    real.client.destroy()
    await waitUntil(() => server.sessions.size === 0, 'the session is closed')
    assert.deepEqual(server.warnings, [])
  })
