import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema,
  FastifyTypeProvider, FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression,
  RawServerBase, RawServerDefault, RequestGenericInterface
} from 'fastify'
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
