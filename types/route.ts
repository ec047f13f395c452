import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema,
  FastifyTypeProvider, FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression,
  RawServerBase, RawServerDefault, RequestGenericInterface
} from 'fastify'
import type { WebsocketPluginOptions, WebsocketServerOptions } from './options.ts'
import type { WebSocket } from './socket.ts'

/**
 * The function that a websocket route hands its sockets to. `this` is the Fastify instance of the route.
 */
export type WebsocketHandler<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
  RequestGeneric extends RequestGenericInterface = RequestGenericInterface,
  ContextConfig = ContextConfigDefault,
  SchemaCompiler extends FastifySchema = FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Logger extends FastifyBaseLogger = FastifyBaseLogger
> = (
  this: FastifyInstance<RawServer, RawRequest, RawReplyDefaultExpression<RawServer>, Logger, TypeProvider>,
  socket: WebSocket,
  request: FastifyRequest<RequestGeneric, RawServer, RawRequest, SchemaCompiler, TypeProvider, ContextConfig, Logger>
) => void | Promise<unknown>

/**
 * Called with what a websocket handler throws or rejects with, and with each `'error'` of its socket. What it throws
 * or rejects with itself is logged, and the socket terminated; what it returns is ignored.
 */
export type WebsocketErrorHandler = (
  this: FastifyInstance,
  error: Error,
  socket: WebSocket,
  request: FastifyRequest,
  reply: FastifyReply
) => unknown

/** Options of the plugin, and of ws's WebSocketServer, that one route may have for itself. */
type OwnOptions =
  & Pick<WebsocketPluginOptions, 'errorHandler' | 'sendLimit' | 'slowConsumer'>
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
