import type { WebsocketPluginOptions } from './options.ts'
import type { WebsocketServerOptions } from './server-options.ts'

/** Options of the plugin, and of ws's `WebSocketServer`, that a route can override. */
type OwnOptions =
  & Pick<
    WebsocketPluginOptions,
    'captureRejections' | 'errorHandler' | 'heartbeat' | 'origin' | 'sendLimit' | 'slowConsumer'
  >
  & Pick<
    WebsocketServerOptions,
    | 'allowSynchronousEvents' | 'autoPong' | 'closeTimeout' | 'maxBufferedChunks' | 'maxFragments' | 'maxPayload'
    | 'maxPendingAutoPongs' | 'perMessageDeflate' | 'skipUTF8Validation'
  >

/**
 * Options of one route, in place of `websocket: true`. Options that you omit default to the plugin's. An unknown
 * option, or an invalid value, throws FST_WS_INVALID_OPTION when the route is added.
 *
 * @example
 * app.get('/upload', { websocket: { maxPayload: 2 ** 30, protocols: ['upload.v2', 'upload.v1'] } }, handler)
 */
export interface WebsocketRouteOptions extends OwnOptions {
  /**
   * Subprotocols that the route accepts. The first one in the client's list that is among them is selected, or none;
   * the socket has it as `protocol`. Default: the selection of `handleProtocols`. RFC 6455 section 1.9.
   */
  protocols?: readonly string[] | undefined
}
