import { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import type { ServerOptions } from 'ws'
import type { WebsocketPluginOptions, WebsocketServerOptions } from '../../types/index.ts'
import { validateCompression } from './compression.ts'
import { ORIGIN_OPTION } from './origin.ts'
import { RECEIVE_WINDOW_OPTIONS, readSessionSettings } from './receive-window.ts'
import type { SessionSettings } from './receive-window.ts'
import { SEND_LIMIT, SLOW_CONSUMER } from './send-limits.ts'
import { SHUTDOWN_OPTIONS, readShutdownOptions } from './shutdown.ts'
import type { ShutdownSettings } from './shutdown.ts'
import { complete, omitNullish, perRoute, valueOf } from './table.ts'
import type { Check, Checks, Complete, PerRoute, Table } from './table.ts'
import {
  ANY, BOOLEAN, BOOLEAN_OR_OBJECT, BYTES, BYTES_OR_INFINITY, COUNT, FUNCTION, MILLISECONDS, MILLISECONDS_OR_INFINITY,
  OBJECT, POSITIVE_COUNT_OR_INFINITY, POSITIVE_MILLISECONDS, STRING, isBetween, isObject, validateStrict
} from './validate.ts'

type CheckedServerOptions = WebsocketServerOptions & Pick<ServerOptions, 'backlog' | 'host' | 'noServer' | 'port'>

/** The options of the plugin that a route may have for itself, validated and complete. */
export type RouteDefaults = Complete<WebsocketPluginOptions, PerRoute<typeof PLUGIN_OPTIONS>>

/** The options of the plugin, validated and complete. */
export interface PluginSettings extends
  RouteDefaults, SessionSettings, Pick<
    Complete<WebsocketPluginOptions, typeof PLUGIN_OPTIONS>,
    'advertise' | 'compressionBudget' | 'handshakeTimeout' | 'maxPendingHandshakes' | 'maxSessionAge' |
    'maxSessionAgeGrace' | 'maxSockets' | 'nodeVersionWarning' | 'onRelayError' | 'relay' | 'upgradeFallback'
  > {
  /** Options for ws, as the user gave them. */
  websocketServer: WebsocketServerOptions
  /** The server to listen on, where it is not Fastify's own. */
  server: Server | undefined
  shutdown: ShutdownSettings
}

/** Options of every plugin: those of Fastify's `register`, and `skipOverride`, which tests with fastify-cli add. */
const REGISTER_OPTIONS: Checks = { logLevel: ANY, logSerializers: ANY, prefix: ANY, skipOverride: ANY }

/** Options of the plugin. */
export const PLUGIN_OPTIONS = {
  options: { ...OBJECT, default: {} },
  // The error is logged, and the socket closed with 1011.
  errorHandler: { ...FUNCTION, default: undefined, perRoute: true },
  // The sockets are closed as `shutdown` says.
  preClose: { ...FUNCTION, default: undefined },
  // Less than the pluginTimeout of Fastify, 10 s, and than the 10 s after which Docker kills a process.
  shutdownTimeout: { ...POSITIVE_MILLISECONDS, default: 5000 },
  shutdown: { ...OBJECT, default: {} },
  // More than a hook that answers at all needs, and more than Firefox waits.
  handshakeTimeout: { ...MILLISECONDS, default: 30_000 },
  // Half of the minute after which many proxies close an idle connection.
  heartbeat: { ...MILLISECONDS, default: 30_000, perRoute: true },
  advertise: { ...BOOLEAN, default: true },
  // Browsers stop at 256 by themselves. A proxy opens the sockets of all its clients on one connection. Settings of the
  // server, where it has them, come before this default.
  maxConcurrentStreams: {
    expected: 'an integer from 1 to 4294967295',
    isValid: isBetween(1, 2 ** 32 - 1),
    default: 1024
  },
  receiveWindow: { ...OBJECT, default: {} },
  // Off: a single server has no other to move its sockets to, and some clients drop theirs when they receive GOAWAY.
  maxSessionAge: { ...MILLISECONDS, default: 0 },
  // Half a minute for requests and short exchanges to end by themselves, then half a minute for the Close frames: of
  // 1,024 sockets, 34 reconnect in a second.
  maxSessionAgeGrace: { ...MILLISECONDS_OR_INFINITY, default: 60_000 },
  // More than waits for a peer that reads. A thousand peers that do not read are 16 GiB: lower it for many clients.
  sendLimit: { ...SEND_LIMIT, default: 16 * 1024 * 1024, perRoute: true },
  // A client that reads again learns from the Close frame why. It would not notice that a message was dropped.
  slowConsumer: { ...SLOW_CONSUMER, default: 'close', perRoute: true },
  // A page of any other site can open sockets with the cookies of its visitor, past CORS (RFC 6455 section 10.2).
  origin: { ...ORIGIN_OPTION, default: 'same', perRoute: true },
  // The memory of the machine decides: docs/deployment.md has the arithmetic.
  maxSockets: { ...POSITIVE_COUNT_OR_INFINITY, default: Infinity },
  // Four HTTP/2 sessions that open as many sockets at once as maxConcurrentStreams allows: about 64 MiB.
  maxPendingHandshakes: { ...POSITIVE_COUNT_OR_INFINITY, default: 4096 },
  // What 747 sockets need with the options of ws, or 4,605 if the server uses no context takeover. Others continue
  // without compression, which is always correct.
  compressionBudget: { ...BYTES_OR_INFINITY, default: 256 * 1024 * 1024 },
  // As in Node, whose `events.captureRejections` applies to all emitters of the process.
  captureRejections: { ...BOOLEAN, default: false, perRoute: true },
  // Peers need no more than a connection for most of these vulnerabilities, and the plugin cannot mend them. Builds of
  // a distribution may have the fixes of a later version.
  nodeVersionWarning: { ...BOOLEAN, default: true },
  // The other listeners for 'upgrade' on the server, if there are any: they would serve these without the plugin.
  upgradeFallback: {
    expected: 'a function or false',
    isValid: (value) => value === false || typeof value === 'function',
    default: undefined
  },
  // One process. A cluster needs a server for its messages, which the user has to choose.
  relay: {
    expected: 'an MQEmitter, or an object with its methods emit, on, removeListener and close',
    isValid: (value) => isObject(value) &&
      ['emit', 'on', 'removeListener', 'close'].every((name) => typeof valueOf(value, name) === 'function'),
    default: undefined
  },
  // The log has a line when the relay begins to fail, and when it works again.
  onRelayError: { ...FUNCTION, default: undefined }
} satisfies Table<WebsocketPluginOptions>

const ABSENT: Check = {
  expected: 'absent: the sockets come from Fastify\'s server; for a server of its own use the ws package',
  isValid: (value) => value === false
}

/** Options of ws's WebSocketServer. Their defaults are those of ws, which completes them itself. */
export const SERVER_OPTIONS = {
  noServer: { ...ABSENT, default: false },
  port: { ...ABSENT, default: undefined },
  host: { ...ABSENT, default: undefined },
  backlog: { ...ABSENT, default: undefined },
  server: { expected: 'an HTTP server', isValid: (value) => value instanceof EventEmitter, default: undefined },
  path: { ...STRING, default: undefined },
  clientTracking: { ...BOOLEAN, default: true },
  handleProtocols: { ...FUNCTION, default: undefined },
  verifyClient: { ...FUNCTION, default: undefined },
  WebSocket: { ...FUNCTION, default: undefined },
  allowSynchronousEvents: { ...BOOLEAN, default: true, perRoute: true },
  autoPong: { ...BOOLEAN, default: true, perRoute: true },
  closeTimeout: { ...MILLISECONDS, default: 30_000, perRoute: true },
  maxBufferedChunks: { ...COUNT, default: 256 * 1024, perRoute: true },
  maxFragments: { ...COUNT, default: 16 * 1024, perRoute: true },
  maxPayload: { ...BYTES, default: 100 * 1024 * 1024, perRoute: true },
  maxPendingAutoPongs: { ...COUNT, default: 60, perRoute: true },
  perMessageDeflate: { ...BOOLEAN_OR_OBJECT, default: false, perRoute: true },
  skipUTF8Validation: { ...BOOLEAN, default: false, perRoute: true }
} satisfies Table<CheckedServerOptions>

const PLUGIN_NAMES = Object.keys(PLUGIN_OPTIONS)
const SERVER_NAMES = Object.entries(SERVER_OPTIONS)
  .filter(([, { expected }]) => expected !== ABSENT.expected).map(([name]) => name)
const SERVER_PATHS = SERVER_NAMES.map((name) => `options.${name}`)
const OTHER_PATHS = [
  ...Object.keys(RECEIVE_WINDOW_OPTIONS).map((name) => `receiveWindow.${name}`),
  ...Object.keys(SHUTDOWN_OPTIONS).map((name) => `shutdown.${name}`)
]

/**
 * Validates and completes the options that the plugin was registered with.
 *
 * @param pluginTimeout Fastify's, in ms, which limits its `preClose` hooks; 0 is no limit
 * @param fastifyOptions options of Fastify itself, which are ignored: fastify-cli passes them to every plugin
 * @throws FST_WS_INVALID_OPTION
 */
export function readOptions (
  options: WebsocketPluginOptions, pluginTimeout: number, log: FastifyBaseLogger, fastifyOptions: object = {}
): PluginSettings {
  validateOwn(options, fastifyOptions)
  const sessionSettings = readSessionSettings(options)
  const shutdown = readShutdownOptions(options, PLUGIN_OPTIONS.shutdownTimeout.default, pluginTimeout)

  // ws would treat a limit that is undefined as no limit.
  const { server, ...websocketServer } = omitNullish(options.options ?? {})
  if (websocketServer.path !== undefined) {
    log.warn('option "options.path" rejects all other paths; use a websocket route instead')
  }
  const {
    advertise, compressionBudget, handshakeTimeout, maxPendingHandshakes, maxSessionAge, maxSessionAgeGrace, maxSockets,
    nodeVersionWarning, onRelayError, relay, upgradeFallback
  } = complete(options, PLUGIN_OPTIONS)
  return Object.freeze({
    ...complete(options, perRoute(PLUGIN_OPTIONS)),
    advertise,
    compressionBudget,
    handshakeTimeout,
    maxSockets,
    maxPendingHandshakes,
    maxSessionAge,
    maxSessionAgeGrace,
    nodeVersionWarning,
    upgradeFallback,
    relay,
    onRelayError,
    websocketServer,
    server,
    shutdown,
    ...sessionSettings
  })
}

/** Validates the options of the plugin and of ws. An unknown one may belong to another level. */
function validateOwn (options: WebsocketPluginOptions, fastifyOptions: object): void {
  const ignored = Object.fromEntries(Object.keys(fastifyOptions).map((name) => [name, ANY]))
  validateStrict(options, { ...ignored, ...REGISTER_OPTIONS, ...PLUGIN_OPTIONS }, undefined, {
    expected: `one of ${PLUGIN_NAMES.join(', ')}`,
    suggested: [...PLUGIN_NAMES, ...SERVER_PATHS, ...OTHER_PATHS]
  })
  validateStrict(options.options, SERVER_OPTIONS, (name) => `"options.${name}"`, {
    expected: `one of ${SERVER_NAMES.join(', ')}`,
    suggested: [...SERVER_PATHS, ...PLUGIN_NAMES, ...OTHER_PATHS]
  })
  validateCompression(options.options?.perMessageDeflate, (name) => `"options.perMessageDeflate.${name}"`)
}
