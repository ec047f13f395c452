/** The only imports from lib/ that the tests of the documentation have. */
import { CONNECT_OPTIONS } from '../../lib/options/client.ts'
import { DRAIN_OPTIONS } from '../../lib/options/drain.ts'
import { GATEWAY_OPTIONS } from '../../lib/options/gateway.ts'
import { PLUGIN_OPTIONS, SERVER_OPTIONS } from '../../lib/options/plugin.ts'
import { RECEIVE_WINDOW_OPTIONS } from '../../lib/options/receive-window.ts'
import { DEFAULTS_WITH_RECONNECT, RECONNECT_OPTIONS } from '../../lib/options/reconnect.ts'
import { ROUTE_OPTIONS } from '../../lib/options/route.ts'
import { SHUTDOWN_OPTIONS } from '../../lib/options/shutdown.ts'
import type { Rows } from '../../lib/options/table.ts'

/** The command `probe`: its arguments, options and exit codes. */
export { readArguments as readProbeArguments } from '../../lib/cli/arguments.ts'
export { EXIT_CODES } from '../../lib/cli/exit-codes.ts'
export { OPTION_ROWS as PROBE_OPTIONS } from '../../lib/cli/options.ts'

/** `connect()`, as `fastify-websocket-h2/client` exports it. */
export { connect } from '../../lib/client/index.ts'
export type { ConnectOptions, WebSocket } from '../../lib/client/index.ts'

/** Vulnerabilities of Node, the worst first. */
export { VULNERABILITIES } from '../../lib/node-versions.ts'

/** Channels of `diagnostics_channel`. */
export { channels, handshakeChannel } from '../../lib/channels.ts'

/** Every FST_WS_* error, by its code. */
export * as errors from '../../lib/errors.ts'

/** Names of options. */
export const OPTIONS = {
  /** Those of `connect()` itself, without those of ws and `tls.connect()`. */
  connect: [...Object.keys(CONNECT_OPTIONS), 'protocols'],
  drain: Object.keys(DRAIN_OPTIONS),
  gateway: Object.keys(GATEWAY_OPTIONS),
  plugin: Object.keys(PLUGIN_OPTIONS),
  receiveWindow: Object.keys(RECEIVE_WINDOW_OPTIONS),
  reconnect: Object.keys(RECONNECT_OPTIONS),
  route: Object.keys(ROUTE_OPTIONS),
  shutdown: Object.keys(SHUTDOWN_OPTIONS),
  /** `options`: those of ws's server. */
  ws: Object.keys(SERVER_OPTIONS)
}

/** Returns the defaults of a table of options, by name. */
function defaultsOf (rows: Rows): Record<string, unknown> {
  return Object.fromEntries(Object.entries(rows).flatMap(([name, row]) => {
    return row.default === undefined ? [] : [[name, row.default]]
  }))
}

/** Defaults of nested options: those of `receiveWindow` and `shutdown`. */
export const NESTED_DEFAULTS: Record<string, unknown> = {
  ...defaultsOf(SHUTDOWN_OPTIONS), ...defaultsOf(RECEIVE_WINDOW_OPTIONS)
}

const { options: _, ...pluginDefaults } = defaultsOf(PLUGIN_OPTIONS)

/** Defaults of `register(websocket)`. A list has the defaults of nested options. */
export const PLUGIN_DEFAULTS: Record<string, unknown> = {
  ...pluginDefaults,
  shutdown: Object.values(defaultsOf(SHUTDOWN_OPTIONS)),
  receiveWindow: Object.values(defaultsOf(RECEIVE_WINDOW_OPTIONS))
}

/** Defaults of `connect(url)`. A list also has the default with `reconnect`. */
export const CONNECT_DEFAULTS: Record<string, unknown> = {
  ...defaultsOf(CONNECT_OPTIONS),
  heartbeat: [CONNECT_OPTIONS.heartbeat.default, DEFAULTS_WITH_RECONNECT.heartbeat]
}

/** Defaults of `connect(url, { reconnect: true })` that differ from those without, and those of `reconnect`. */
export const RECONNECT_DEFAULTS: Record<string, unknown> = {
  ...defaultsOf(RECONNECT_OPTIONS), ...DEFAULTS_WITH_RECONNECT
}

/** Defaults of `drain()`. */
export const DRAIN_DEFAULTS: Record<string, unknown> = defaultsOf(DRAIN_OPTIONS)

/** Defaults of `serveExtendedConnect()`. A list has the defaults of nested options. */
export const GATEWAY_DEFAULTS: Record<string, unknown> = {
  ...defaultsOf(GATEWAY_OPTIONS), receiveWindow: Object.values(defaultsOf(RECEIVE_WINDOW_OPTIONS))
}
