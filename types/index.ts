import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type {
  ContextConfigDefault, FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema,
  FastifyTypeProvider, FastifyTypeProviderDefault, RawReplyDefaultExpression, RawRequestDefaultExpression,
  RawServerBase, RawServerDefault, RequestGenericInterface, RouteGenericInterface, RouteOptions as FastifyRouteOptions,
  preCloseAsyncHookHandler, preCloseHookHandler
} from 'fastify'
import type { ServerOptions, WebSocket, WebSocketServer } from 'ws'

export type { WebSocket } from 'ws'

/**
 * The options of ws's WebSocketServer that make sense here. They act the same over HTTP/1.1 and HTTP/2, but for
 * `perMessageDeflate`: over HTTP/2 compression is declined, and clients go on without it.
 */
export interface WebsocketServerOptions
  extends Omit<ServerOptions, 'backlog' | 'host' | 'noServer' | 'port' | 'server'> {
  /** Server to take upgrades from. Default: `fastify.server`. */
  server?: HttpServer | HttpsServer | Http2Server | Http2SecureServer
  /** Time, in ms, that a peer has to answer a Close frame before its socket is dropped. Default: 30000. */
  closeTimeout?: number
  /** Pings of one peer that may wait for their pong to be sent before its socket is dropped. Default: 60. */
  maxPendingAutoPongs?: number
}

/**
 * The function that a websocket route hands its sockets to. `this` is the Fastify instance of the route. A message
 * that arrives before a `'message'` listener is there is lost: add it before the first `await`.
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
 * itself is logged, and the socket terminated.
 */
export type WebsocketErrorHandler = (
  this: FastifyInstance,
  error: Error,
  socket: WebSocket,
  request: FastifyRequest,
  reply: FastifyReply
) => void | Promise<void>

/** A `preClose` hook of Fastify, with a callback or a promise. */
export type PreCloseHook = preCloseHookHandler | preCloseAsyncHookHandler

/** Options of the plugin. A value that an option cannot have makes `register` fail with FST_WS_INVALID_OPTION. */
export interface WebsocketPluginOptions {
  /** Options of ws's WebSocketServer. Default: those of ws. */
  options?: WebsocketServerOptions
  /**
   * What to do about an error of a handler or socket. Default: log it and close with 1011 (RFC 6455 section 7.4.1),
   * unless the peer broke the protocol: then ws has closed with the code for that.
   */
  errorHandler?: WebsocketErrorHandler
  /** How to close the sockets when Fastify closes. Default: Close 1001 to each, then wait until they are closed. */
  preClose?: PreCloseHook
  /**
   * Whether HTTP/2 clients are told that Extended CONNECT is served (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441
   * section 3). Without it they go on with the HTTP/1.1 upgrade, which needs `allowHTTP1`. Default: true.
   */
  advertise?: boolean
  /**
   * Streams that an HTTP/2 client may have open on one connection (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section
   * 6.5.2), each socket being one. Default: what the `http` or `https.settings` of Fastify say, else 1024.
   */
  maxConcurrentStreams?: number
}

declare module 'fastify' {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /** The ws server that counts this server's sockets among its `clients`. */
    websocketServer: WebSocketServer

    /** With `websocket: true`, `handler` is the websocket handler. */
    route<
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema
    > (
      options: Omit<
        FastifyRouteOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>,
        'handler' | 'websocket'
      > & {
        websocket: true
        handler: WebsocketHandler<RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
      }
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>
  }

  interface FastifyRequest {
    /** Whether the request asks for a WebSocket, over either HTTP version. */
    ws: boolean
  }

  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface RouteShorthandOptions<RawServer extends RawServerBase = RawServerDefault> {
    /** Whether `handler` is a websocket handler: a plain GET of the route is then answered with 404. */
    websocket?: boolean
  }

  interface RouteShorthandMethod<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > {
    <
      RouteGeneric extends RequestGenericInterface = RequestGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema
    > (
      path: string,
      options: RouteShorthandOptions<RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger> & {
        websocket: true
      },
      handler: WebsocketHandler<RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>
  }

  interface RouteOptions<
    RawServer extends RawServerBase = RawServerDefault,
    RawRequest extends RawRequestDefaultExpression<RawServer> = RawRequestDefaultExpression<RawServer>,
    // eslint-disable-next-line @typescript-eslint/no-unused-vars
    RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    ContextConfig = ContextConfigDefault,
    SchemaCompiler extends FastifySchema = FastifySchema,
    TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
    Logger extends FastifyBaseLogger = FastifyBaseLogger
  > {
    /** The websocket handler of a route whose `handler` serves its plain GET. */
    wsHandler?: WebsocketHandler<RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger>
  }
}
