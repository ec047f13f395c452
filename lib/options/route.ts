import type { WebsocketRouteOptions, WebsocketServerOptions } from '../../types/index.ts'
import { validateCompression } from './compression.ts'
import { PLUGIN_OPTIONS, SERVER_OPTIONS } from './plugin.ts'
import type { PluginSettings, RouteDefaults } from './plugin.ts'
import { complete, perRoute, pick } from './table.ts'
import type { Rows, Table } from './table.ts'
import { BOOLEAN_OR_OBJECT, isObject, isToken, validate, validateStrict } from './validate.ts'

/** The options of a route, validated and complete. */
export interface RouteSettings extends RouteDefaults {
  /** Options for ws that the route has for itself. */
  websocketServer: WebsocketServerOptions
}

const OF_PLUGIN = perRoute(PLUGIN_OPTIONS)
const OF_SERVER = perRoute(SERVER_OPTIONS)

/** Options of a route. */
export const ROUTE_OPTIONS = {
  ...sortByName({
    ...OF_PLUGIN,
    // The route takes the subprotocol that `handleProtocols` chooses.
    protocols: { expected: 'an array of subprotocols', isValid: isProtocols, default: undefined }
  }),
  ...OF_SERVER
} satisfies Table<WebsocketRouteOptions>

/**
 * Validates the options of a route, and completes them with those of the plugin.
 *
 * @param value of `websocket`
 * @throws FST_WS_INVALID_OPTION
 */
export function readRouteOptions (value: unknown, url: string, plugin: PluginSettings): RouteSettings {
  validate({ websocket: value }, { websocket: BOOLEAN_OR_OBJECT }, (name) => `"${name}" of route "${url}"`)
  const routeOptions: WebsocketRouteOptions = isObject(value) ? value : {}
  validateStrict(routeOptions, ROUTE_OPTIONS, (name) => `"websocket.${name}" of route "${url}"`)

  const { protocols, perMessageDeflate } = routeOptions
  validateCompression(perMessageDeflate, (name) => `"websocket.perMessageDeflate.${name}" of route "${url}"`)
  return {
    ...complete(routeOptions, OF_PLUGIN, plugin),
    websocketServer: {
      ...pick(routeOptions, OF_SERVER),
      ...(protocols == null ? {} : { handleProtocols: (offered) => selectProtocol(offered, protocols) })
    }
  }
}

/** Returns rows in the order of their names, as the documentation lists them. */
function sortByName<OfRows extends Rows> (rows: OfRows): OfRows {
  return Object.fromEntries(Object.entries(rows).sort(([one], [other]) => one < other ? -1 : 1)) as Rows as OfRows
}

function selectProtocol (offered: Set<string>, protocols: readonly string[]): string | false {
  return [...offered].find((protocol) => protocols.includes(protocol)) ?? false
}

function isProtocols (value: unknown): boolean {
  return Array.isArray(value) && value.every(isToken)
}
