import { EventEmitter } from 'node:events'
import type { Settings } from 'node:http2'
import type { Server } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import {
  BOOLEAN, BOOLEAN_OR_OBJECT, BYTES, BYTES_OR_INFINITY, COUNT, FUNCTION, MILLISECONDS, OBJECT, STRING, validate, validateStrict,
  isBetween, isObject, isSyncFunction, isToken, omitNullish, unknownNames
} from './validate.ts'
import type { Validator, Validators } from './validate.ts'
import { readShutdownOptions } from './shutdown.ts'
import type { ShutdownSettings } from './shutdown.ts'
import { readSendLimits } from './send-limits.ts'
import type { SendLimits } from './send-limits.ts'
import type { ReceiveWindowSizes } from './receive-window.ts'
import type {
  WebsocketErrorHandler, WebsocketPluginOptions, WebsocketRouteOptions, WebsocketServerOptions
} from '../../types/index.ts'

/** What holds for the sockets of a route. */
export interface RouteOptions {
  /** What goes to ws as it is: of a route, what it has for itself. */
  websocketServer: WebsocketServerOptions
  /** What the user wants done about errors, where it is not what we do. */
  errorHandler: WebsocketErrorHandler | undefined
  /** In ms; 0 for none. */
  heartbeat: number
  sendLimits: SendLimits
}

/** The plugin's options, checked and complete. */
export interface Options extends RouteOptions {
  /** The server to listen on, where it is not Fastify's own. */
  server: Server | undefined
  shutdown: ShutdownSettings
  advertise: boolean
  /** In ms; 0 for no limit. */
  handshakeTimeout: number
  /** What the user wants HTTP/2 clients to know: where it is not given, the server's own settings decide. */
  settings: Settings
  receiveWindow: Partial<ReceiveWindowSizes>
}

// Browsers stop at 256 by themselves; a proxy brings the sockets of all its clients on one connection.
export const DEFAULT_MAX_CONCURRENT_STREAMS = 1024

// Longer than a hook that answers at all takes, and than Firefox waits for it.
const DEFAULT_HANDSHAKE_TIMEOUT = 30_000

// Half of the minute after which many a proxy takes a socket for idle.
const DEFAULT_HEARTBEAT = 30_000

// More than a peer that reads at all has waiting, and yet a thousand peers that do not are 16 GiB: lower it for many.
const DEFAULT_SEND_LIMITS: SendLimits = Object.freeze({ sendLimit: 16 * 1024 * 1024, slowConsumer: 'close' })

const WINDOW: Validator = ['an integer from 1024 to 2147483647 (bytes)', isBetween(1024, 2 ** 31 - 1)]
const POLICIES: unknown[] = ['close', 'drop']

export const SEND_OPTIONS: Validators = {
  sendLimit: BYTES_OR_INFINITY,
  slowConsumer: ['"close", "drop" or a synchronous function', (value) => POLICIES.includes(value) || isSyncFunction(value)]
}

export const PLUGIN_OPTIONS: Validators = {
  options: OBJECT,
  errorHandler: FUNCTION,
  preClose: FUNCTION,
  shutdownTimeout: ['an integer from 1 to 2147483647 (ms)', isBetween(1, 2 ** 31 - 1)],
  shutdown: OBJECT,
  handshakeTimeout: MILLISECONDS,
  heartbeat: MILLISECONDS,
  advertise: BOOLEAN,
  maxConcurrentStreams: ['an integer from 1 to 4294967295', isBetween(1, 2 ** 32 - 1)],
  receiveWindow: OBJECT,
  ...SEND_OPTIONS
}

export const RECEIVE_WINDOW_OPTIONS: Validators = {
  initial: WINDOW,
  max: WINDOW,
  sessionBudget: ['an integer of at least 65535 (bytes)', isBetween(65_535, Number.MAX_SAFE_INTEGER)]
}

const ABSENT: Validator = [
  'absent: the sockets come from Fastify\'s server; for a server of its own use the ws package',
  (value) => value === false
]

/** The options of ws that each socket has for itself. */
const SOCKET_OPTIONS: Validators = {
  allowSynchronousEvents: BOOLEAN,
  autoPong: BOOLEAN,
  closeTimeout: MILLISECONDS,
  maxBufferedChunks: COUNT,
  maxFragments: COUNT,
  maxPayload: BYTES,
  maxPendingAutoPongs: COUNT,
  perMessageDeflate: BOOLEAN_OR_OBJECT,
  skipUTF8Validation: BOOLEAN
}

export const SERVER_OPTIONS: Validators = {
  noServer: ABSENT,
  port: ABSENT,
  host: ABSENT,
  backlog: ABSENT,
  server: ['an HTTP server', (value) => value instanceof EventEmitter],
  path: STRING,
  clientTracking: BOOLEAN,
  handleProtocols: FUNCTION,
  verifyClient: FUNCTION,
  WebSocket: FUNCTION,
  ...SOCKET_OPTIONS
}

export const ROUTE_OPTIONS: Validators = {
  errorHandler: FUNCTION,
  heartbeat: MILLISECONDS,
  protocols: ['an array of subprotocols', isProtocols],
  ...SEND_OPTIONS,
  ...SOCKET_OPTIONS
}

/**
 * Checks the options that a user registered the plugin with, and completes them.
 *
 * @param pluginTimeout that of Fastify, which ends its `preClose` hooks; in ms, 0 is no limit
 * @throws FST_WS_INVALID_OPTION
 */
export function readOptions (given: WebsocketPluginOptions, pluginTimeout: number, log: FastifyBaseLogger): Options {
  validate(given, PLUGIN_OPTIONS)
  validate(given.options, SERVER_OPTIONS, (name) => `"options.${name}"`)
  validateStrict(given.receiveWindow, RECEIVE_WINDOW_OPTIONS, (name) => `"receiveWindow.${name}"`)
  for (const name of unknownNames(given.options, SERVER_OPTIONS)) {
    log.warn(`option "options.${name}" is none that we know: it is passed on to ws as it is`)
  }

  const { server, ...websocketServer } = given.options ?? {}
  if (websocketServer.path !== undefined) {
    log.warn('option "options.path" refuses every other path: a websocket route is the way to name one')
  }
  return Object.freeze({
    // ws takes a property that is there but undefined for a limit that is not wanted.
    websocketServer: omitNullish(websocketServer),
    server,
    errorHandler: given.errorHandler,
    shutdown: readShutdownOptions(given, pluginTimeout),
    advertise: given.advertise ?? true,
    heartbeat: given.heartbeat ?? DEFAULT_HEARTBEAT,
    handshakeTimeout: given.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT,
    settings: omitNullish({
      maxConcurrentStreams: given.maxConcurrentStreams, initialWindowSize: given.receiveWindow?.initial
    }),
    receiveWindow: omitNullish({ ...given.receiveWindow }),
    sendLimits: readSendLimits(given, DEFAULT_SEND_LIMITS)
  })
}

/**
 * Checks the options that a route was added with, and completes them with those of the plugin.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readRouteOptions (given: unknown, url: string, plugin: Options): RouteOptions {
  validate({ websocket: given }, { websocket: BOOLEAN_OR_OBJECT }, (name) => `"${name}" of route "${url}"`)
  const own: WebsocketRouteOptions = isObject(given) ? given : {}
  validateStrict(own, ROUTE_OPTIONS, (name) => `"websocket.${name}" of route "${url}"`)

  const { errorHandler, heartbeat, protocols, sendLimit, slowConsumer, ...websocketServer } = omitNullish(own)
  return {
    websocketServer: {
      ...websocketServer,
      ...(protocols === undefined ? {} : { handleProtocols: (offered) => selectProtocol(offered, protocols) })
    },
    errorHandler: errorHandler ?? plugin.errorHandler,
    heartbeat: heartbeat ?? plugin.heartbeat,
    sendLimits: readSendLimits({ sendLimit, slowConsumer }, plugin.sendLimits)
  }
}

function selectProtocol (offered: Set<string>, protocols: readonly string[]): string | false {
  return [...offered].find((protocol) => protocols.includes(protocol)) ?? false
}

function isProtocols (value: unknown): boolean {
  return Array.isArray(value) && value.every((protocol) => isToken(String(protocol)))
}
