import type { WebsocketPluginOptions, WebsocketServerOptions } from './options.ts'

/** Options of the plugin, and of ws's WebSocketServer, that one route may have for itself. */
type OwnOptions =
  & Pick<WebsocketPluginOptions, 'errorHandler' | 'heartbeat' | 'sendLimit' | 'slowConsumer'>
  & Pick<
    WebsocketServerOptions,
    | 'allowSynchronousEvents' | 'autoPong' | 'closeTimeout' | 'maxBufferedChunks' | 'maxFragments' | 'maxPayload'
    | 'maxPendingAutoPongs' | 'perMessageDeflate' | 'skipUTF8Validation'
  >

/**
 * Options of one route, in place of `websocket: true`. What it does not have is as the plugin was registered with. A
 * name that is none, or a value that an option cannot have, makes adding the route fail with FST_WS_INVALID_OPTION.
 *
 * @example
 * app.get('/upload', { websocket: { maxPayload: 2 ** 30, protocols: ['upload.v2', 'upload.v1'] } }, handler)
 */
export interface WebsocketRouteOptions extends OwnOptions {
  /**
   * The subprotocols (RFC 6455 section 1.9) of the route: of those that a client offers the first that is among them is
   * chosen, and where none is, none. Default: what `handleProtocols` chooses.
   */
  protocols?: readonly string[] | undefined
}
