import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { ERROR_CODES, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { serve } from '../wire/server.ts'
import { Line, openWindows } from './lines.ts'
import { Observed } from './peers.ts'
import { holds, until } from './runs.ts'

/** What commands know of the session without looking: how many sockets it has had, and how far it is. */
interface Model {
  lines: number
  takesMore: boolean
  isLost: boolean
}

interface Real {
  client: FrameClient
  lines: Line[]
}

const MAX_LINES = 6
const observed = new Map<string, Observed>()
let count = 0

const wire = await serve(t, (app: FastifyInstance) => {
  app.get('/:id', { websocket: true }, (socket, { url }) => { observed.set(url, new Observed(socket)) })
}, { plugin: { errorHandler: () => {} } })

class Command implements fc.AsyncCommand<Model, Real> {
  readonly #words: string
  readonly #mayRun: (model: Model) => boolean
  readonly #act: (model: Model, real: Real) => unknown

  constructor (words: string, mayRun: (model: Model) => boolean, act: (model: Model, real: Real) => unknown) {
    this.#words = words
    this.#mayRun = mayRun
    this.#act = act
  }

  check (model: Readonly<Model>): boolean {
    return !model.isLost && this.#mayRun(model)
  }

  async run (model: Model, real: Real): Promise<void> {
    await this.#act(model, real)
  }

  toString (): string {
    return this.#words
  }
}

async function open (model: Model, { client, lines }: Real): Promise<void> {
  const path = `/${count++}`
  const id = 2 * model.lines++ + 1
  client.connect(id, path)
  await client.response(id)
  lines.push(new Line(client, id, observed.get(path)!))
}

/** A command for one of the lines that there are. */
function onLine<Value> (
  words: string, values: fc.Arbitrary<Value>, act: (line: Line, value: Value) => void
): fc.Arbitrary<Command> {
  return fc.tuple(fc.nat(MAX_LINES - 1), values).map(([index, value]) => {
    return new Command(`${words} #${index} ${JSON.stringify(value)}`, ({ lines }) => lines > 0, (_model, { lines }) => {
      act(lines[index % lines.length]!, value)
    })
  })
}

function onSession<Value> (
  words: string, values: fc.Arbitrary<Value>,
  act: (client: FrameClient, value: Value, model: Model, real: Real) => unknown
): fc.Arbitrary<Command> {
  return values.map((value) => {
    return new Command(`${words} ${JSON.stringify(value)}`, () => true, (model, real) => act(real.client, value, model, real))
  })
}

function lose (model: Model, { lines }: Real): void {
  model.isLost = true
  for (const line of lines) line.cut()
}

/** After GOAWAY the server ends the connection with the last socket, perhaps before it answers. */
async function settle (client: FrameClient, _value: null, model: Model): Promise<void> {
  if (model.takesMore) await client.settled()
  else await Promise.race([client.closed, client.settled().catch(() => client.closed)])
}

const nothing = fc.constant(null)
const message = fc.record({
  size: fc.oneof(fc.nat(200), fc.nat(200), fc.constantFrom(4096, 16_384, 300_000), fc.nat(150_000)),
  isBinary: fc.boolean()
})
const closing = fc.record({ code: fc.constantFrom(1000, 1001, 3000, 4999), reason: fc.constantFrom('', 'bye', 'tschüß') })

const commands = [
  fc.constant(new Command('open', ({ lines, takesMore }) => takesMore && lines < MAX_LINES, open)),
  fc.constant(new Command('open', ({ lines, takesMore }) => takesMore && lines < MAX_LINES, open)),
  ...[1, 2, 3].map(() => onLine('the client sends', message, (line, { size, isBinary }) => {
    line.sendFromClient(size, isBinary)
  })),
  ...[1, 2, 3].map(() => onLine('the server sends', message, (line, { size, isBinary }) => {
    line.sendFromServer(size, isBinary)
  })),
  onLine('pause', nothing, (line) => line.pause()),
  onLine('resume', nothing, (line) => line.resume()),
  onLine('the client closes', closing, (line, { code, reason }) => line.closeFromClient(code, reason)),
  onLine('the server closes', closing, (line, { code, reason }) => line.closeFromServer(code, reason)),
  onLine('terminate', nothing, (line) => line.terminate()),
  onLine('RST_STREAM', fc.constantFrom(...ERROR_CODES), (line, code) => line.reset(code)),
  onLine('WINDOW_UPDATE', fc.integer({ min: 1, max: 100_000 }), (line, increment) => line.openWindow(increment)),
  onSession('WINDOW_UPDATE', fc.integer({ min: 1, max: 300_000 }), (client, bytes) => client.windowUpdate(0, bytes)),
  onSession('SETTINGS', fc.nat(200_000), (client, size) => client.settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: size })),
  onSession('settle', nothing, settle),
  onSession('settle', nothing, settle),
  onSession('GOAWAY', fc.constantFrom('NO_ERROR' as const, ...ERROR_CODES), (client, code, model, real) => {
    client.goaway(code)
    model.takesMore = false
    if (code !== 'NO_ERROR') lose(model, real)
  }),
  onSession('FIN', nothing, (client, _value, model, real) => { lose(model, real); client.endConnection() }),
  onSession('TCP reset', nothing, (client, _value, model, real) => { lose(model, real); client.resetConnection() })
]

await holds('nothing is lost, doubled or mixed up among the sockets of a session, and each ends once and as it was ended',
  { runs: 150 }, fc.commands(commands, { maxCommands: 60, size: 'max' }),
  async (commands) => {
    const real: Real = { client: await wire.client({ windowUpdates: false }), lines: [] }
    const model: Model = { lines: 0, takesMore: true, isLost: false }
    await fc.asyncModelRun(() => ({ model, real }), commands)

    if (!model.isLost) openWindows(real.client)
    for (const line of real.lines) line.finish()
    await Promise.all(real.lines.map((line) => line.check()))
    await until(() => wire.streams.size === 0 && wire.app.websocketServer.clients.size === 0, 'nothing is left')
    real.client.destroy()
    await until(() => wire.sessions.size === 0, 'the session has gone')
    assert.deepEqual(wire.warnings, [])
  })
