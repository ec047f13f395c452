import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema,
  FastifyTypeProvider, FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression,
  RawServerBase, RawServerDefault, RequestGenericInterface
} from 'fastify'
import type { WebSocket } from './socket.ts'

/**
 * Handler that is called with each socket that a client opens at a route, after the hooks have let the handshake pass.
 * It may await before it listens: messages wait for a listener. If it throws or rejects, `errorHandler` is called; by
 * default the error is logged and the socket closed with 1011. `this` is the Fastify instance of the route.
 *
 * @param socket open socket of ws, the same over both HTTP versions
 * @param request request of the handshake, with its `params`, `query` and `headers`, and the properties that hooks have
 * set. `request.raw.httpVersion` is '1.1' or '2.0'
 * @example
 * const echo: WebsocketHandler = (socket, request) => {
 *   socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
 * }
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
 * Handler that is called when a websocket handler throws or rejects, and for each `'error'` of its socket, in place of
 * a log line and a Close 1011. It has to close the socket. If it throws or rejects itself, that error is logged and the
 * socket is terminated. Its return value is ignored. `this` is the Fastify instance of the route.
 *
 * @param error error that was thrown or emitted. Any other thrown value is the `cause` of an Error
 * @param socket socket of the handler. After a protocol error of the client, ws has already sent its Close frame
 * @param request request of the handshake
 * @param reply reply of the handshake. It is hijacked: nothing can be sent with it
 */
export type WebsocketErrorHandler = (
  this: FastifyInstance,
  error: Error,
  socket: WebSocket,
  request: FastifyRequest,
  reply: FastifyReply
) => unknown
