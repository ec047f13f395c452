import { EventEmitter } from 'node:events'
import type { Settings } from 'node:http2'
import type { Server } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { FST_WS_INVALID_OPTION } from './errors.ts'
import type { ReceiveWindowSizes } from './receive-window.ts'
import type { SendLimits } from './socket.ts'
import type { PreCloseHook, WebsocketErrorHandler, WebsocketPluginOptions, WebsocketServerOptions } from '../types/index.ts'

/** The plugin's options, checked and complete. */
export interface Options {
  /** What goes to ws as it is. */
  websocketServer: WebsocketServerOptions
  /** The server to listen on, where it is not Fastify's own. */
  server: Server | undefined
  /** What the user wants done about errors, where it is not what we do. */
  errorHandler: WebsocketErrorHandler | undefined
  /** The user's way of closing the sockets, where it is not ours. */
  preClose: PreCloseHook | undefined
  advertise: boolean
  /** What the user wants HTTP/2 clients to know: where it is not given, the server's own settings decide. */
  settings: Settings
  receiveWindow: Partial<ReceiveWindowSizes>
  sendLimits: SendLimits
}

// Browsers stop at 256 by themselves; a proxy brings the sockets of all its clients on one connection.
export const DEFAULT_MAX_CONCURRENT_STREAMS = 1024

// More than a peer that reads at all has waiting, and yet a thousand peers that do not are 16 GiB: lower it for many.
const DEFAULT_SEND_LIMIT = 16 * 1024 * 1024

type Check = [expected: string, holds: (value: unknown) => boolean]

const BOOLEAN: Check = ['a boolean', (value) => typeof value === 'boolean']
const FUNCTION: Check = ['a function', (value) => typeof value === 'function']
const OBJECT: Check = ['an object', isObject]
const BYTES: Check = ['an integer of at least 0 (bytes)', isCount]
const COUNT: Check = ['an integer of at least 0', isCount]
const MILLISECONDS: Check = ['an integer from 0 to 2147483647 (ms)', (value) => isBetween(value, 0, 2 ** 31 - 1)]
const WINDOW: Check = ['an integer from 1024 to 2147483647 (bytes)', (value) => isBetween(value, 1024, 2 ** 31 - 1)]
const POLICIES: unknown[] = ['close', 'drop']

export const PLUGIN_OPTIONS: Record<string, Check> = {
  options: OBJECT,
  errorHandler: FUNCTION,
  preClose: FUNCTION,
  advertise: BOOLEAN,
  maxConcurrentStreams: ['an integer from 1 to 4294967295', (value) => isBetween(value, 1, 2 ** 32 - 1)],
  receiveWindow: OBJECT,
  sendLimit: ['an integer of at least 0 (bytes), or Infinity', (value) => isCount(value) || value === Infinity],
  slowConsumer: ['"close", "drop" or a function', (value) => POLICIES.includes(value) || typeof value === 'function']
}

export const RECEIVE_WINDOW_OPTIONS: Record<string, Check> = {
  initial: WINDOW,
  max: WINDOW,
  sessionBudget: ['an integer of at least 65535 (bytes)', (value) => isBetween(value, 65_535, Number.MAX_SAFE_INTEGER)]
}

const ABSENT: Check = [
  'absent: the sockets come from Fastify\'s server; for a server of its own use the ws package',
  (value) => value === false
]

export const SERVER_OPTIONS: Record<string, Check> = {
  noServer: ABSENT,
  port: ABSENT,
  host: ABSENT,
  backlog: ABSENT,
  server: ['an HTTP server', (value) => value instanceof EventEmitter],
  allowSynchronousEvents: BOOLEAN,
  autoPong: BOOLEAN,
  clientTracking: BOOLEAN,
  closeTimeout: MILLISECONDS,
  handleProtocols: FUNCTION,
  maxBufferedChunks: COUNT,
  maxFragments: COUNT,
  maxPayload: BYTES,
  maxPendingAutoPongs: COUNT,
  perMessageDeflate: ['a boolean or an object', (value) => typeof value === 'boolean' || isObject(value)],
  skipUTF8Validation: BOOLEAN,
  verifyClient: FUNCTION,
  WebSocket: FUNCTION
}

/**
 * Checks the options that a user registered the plugin with, and completes them.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readOptions (given: WebsocketPluginOptions, log: FastifyBaseLogger): Options {
  check(given, PLUGIN_OPTIONS, '')
  check(given.options ?? {}, SERVER_OPTIONS, 'options.')
  check(given.receiveWindow ?? {}, RECEIVE_WINDOW_OPTIONS, 'receiveWindow.')

  const { server, ...websocketServer } = given.options ?? {}
  if (websocketServer.path !== undefined) {
    log.warn('option "options.path" refuses every other path: a websocket route is the way to name one')
  }
  return Object.freeze({
    // ws takes a property that is there but undefined for a limit that is not wanted.
    websocketServer: withoutNothing(websocketServer),
    server,
    errorHandler: given.errorHandler,
    preClose: given.preClose,
    advertise: given.advertise ?? true,
    settings: withoutNothing({
      maxConcurrentStreams: given.maxConcurrentStreams, initialWindowSize: given.receiveWindow?.initial
    }),
    receiveWindow: withoutNothing({ ...given.receiveWindow }),
    sendLimits: { sendLimit: given.sendLimit ?? DEFAULT_SEND_LIMIT, slowConsumer: given.slowConsumer ?? 'close' }
  })
}

function check (values: object, checks: Record<string, Check>, prefix: string): void {
  for (const [name, value] of Object.entries(values)) {
    const [expected, holds] = checks[name] ?? []
    if (value == null || holds === undefined || holds(value)) continue
    throw new FST_WS_INVALID_OPTION(prefix + name, expected!, describe(value))
  }
}

/** The properties that have a value. */
function withoutNothing<Values extends object> (
  values: Values
): { [Name in keyof Values]?: NonNullable<Values[Name]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value != null)) as Values
}

function isCount (value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isBetween (value: unknown, least: number, most: number): boolean {
  return isCount(value) && Number(value) >= least && Number(value) <= most
}

function isObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe (value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'number' ? String(value) : typeof value
}
