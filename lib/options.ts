import { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { FST_WS_INVALID_OPTION } from './errors.ts'
import type { PreCloseHook, WebsocketErrorHandler, WebsocketPluginOptions, WebsocketServerOptions } from '../types/index.ts'

/** The plugin's options, checked and complete. */
export interface Options {
  /** What goes to ws as it is. */
  websocketServer: WebsocketServerOptions
  /** The server to listen on, where it is not Fastify's own. */
  server: Server | undefined
  errorHandler: WebsocketErrorHandler
  /** The user's way of closing the sockets, where it is not ours. */
  preClose: PreCloseHook | undefined
  advertise: boolean
  /** Where it is not given, the server's own settings decide, then the default. */
  maxConcurrentStreams: number | undefined
}

// Browsers stop at 256 by themselves; a proxy brings the sockets of all its clients on one connection.
export const DEFAULT_MAX_CONCURRENT_STREAMS = 1024

type Check = [expected: string, holds: (value: unknown) => boolean]

const BOOLEAN: Check = ['a boolean', (value) => typeof value === 'boolean']
const FUNCTION: Check = ['a function', (value) => typeof value === 'function']
const OBJECT: Check = ['an object', isObject]
const BYTES: Check = ['an integer of at least 0 (bytes)', isCount]
const COUNT: Check = ['an integer of at least 0', isCount]
const MILLISECONDS: Check = ['an integer from 0 to 2147483647 (ms)', (value) => isCount(value) && Number(value) < 2 ** 31]

export const PLUGIN_OPTIONS: Record<string, Check> = {
  options: OBJECT,
  errorHandler: FUNCTION,
  preClose: FUNCTION,
  advertise: BOOLEAN,
  maxConcurrentStreams: ['an integer from 1 to 4294967295', (value) => isCount(value) && Number(value) >= 1 && Number(value) < 2 ** 32]
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

  const { server, ...websocketServer } = given.options ?? {}
  if (websocketServer.path !== undefined) {
    log.warn('option "options.path" refuses every other path: a websocket route is the way to name one')
  }
  return Object.freeze({
    // ws takes a property that is there but undefined for a limit that is not wanted.
    websocketServer: Object.fromEntries(Object.entries(websocketServer).filter(([, value]) => value != null)),
    server,
    errorHandler: given.errorHandler ?? closeWithError,
    preClose: given.preClose,
    advertise: given.advertise ?? true,
    maxConcurrentStreams: given.maxConcurrentStreams
  })
}

function check (values: object, checks: Record<string, Check>, prefix: string): void {
  for (const [name, value] of Object.entries(values)) {
    const [expected, holds] = checks[name] ?? []
    if (value == null || holds === undefined || holds(value)) continue
    throw new FST_WS_INVALID_OPTION(prefix + name, expected!, describe(value))
  }
}

/**
 * What becomes of a socket whose handler fails: Close 1011. Where the peer broke the protocol, ws has already sent the
 * Close that says so.
 */
function closeWithError (error: Error, socket: WebSocket, request: FastifyRequest, _reply: FastifyReply): void {
  if (isPeerError(error)) request.log.info(error)
  else request.log.error(error)
  socket.close(1011)
}

function isPeerError (error: Error): boolean {
  return 'code' in error && String(error.code).startsWith('WS_ERR_')
}

function isCount (value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe (value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : typeof value
}
