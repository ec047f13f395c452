import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type {
  ContextConfigDefault, FastifySchema as Schema, RouteGenericInterface, RouteOptions as FastifyRouteOptions
} from 'fastify'
import type { Server as WsServer, WebSocket as WsWebSocket } from 'ws'
import type { WebsocketHandler } from './handler.ts'
import type { WebsocketRouteOptions } from './route.ts'
import type { WebSocket } from './socket.ts'

export type { RouteOptions } from 'fastify'

/** Class of the sockets. A class in `options.WebSocket` has no influence on this type. */
type SocketClass = typeof WsWebSocket & (new (...parameters: ConstructorParameters<typeof WsWebSocket>) => WebSocket)

// The type parameters of these interfaces have Fastify's names and order, and neither constraints nor defaults: those
// would have to be identical in every release of Fastify 5. Imports of types that other packages augment are renamed
// (@fastify/swagger augments FastifySchema), because the augmented name would shadow the import in this block.
declare module 'fastify' {
  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /** `WebSocketServer` of ws. Its `clients` are the open sockets of this server. */
    websocketServer: WsServer<SocketClass>

    /** Opens a socket to a route in memory, for tests. */
    injectWS: InjectWSFn<RawRequest>

    /** Declares a websocket route: with `websocket: true`, or with options, `handler` is the websocket handler. */
    route<
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends Schema = Schema
    > (
      options: Omit<
        FastifyRouteOptions<
          RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
        >,
        'handler' | 'websocket' | 'wsHandler'
      > & {
        websocket: true | WebsocketRouteOptions
        wsHandler?: undefined
        handler: WebsocketHandler<
          RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
        >
      }
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>
  }

  /**
   * Opens a socket to a route in memory. The server need not listen. The handshake passes through the server's HTTP
   * parser, the hooks and the route, but not through TLS. Resolves when the socket is open; messages that the handler
   * has sent by then wait for a listener.
   *
   * @param path path of the route, with its query. Default: '/'
   * @param upgradeContext `headers` of the handshake, properties of the raw request's `socket` (`remoteAddress`
   * defaults to 127.0.0.1), and any other properties of the raw request
   * @throws FST_WS_UNEXPECTED_RESPONSE if the handshake is refused. The error has the `statusCode` and the `headers`
   * of the response
   * @throws FST_WS_INVALID_OPTION or FST_WS_NO_EXTENDED_CONNECT if the server does not serve WebSocket over the HTTP
   * version of `options.http`
   * @example
   * const socket = await app.injectWS('/chat/garden', { headers: { authorization: 'Bearer of tea' } })
   * socket.send('hello')
   * const [answer] = await once(socket, 'message')
   * socket.terminate()
   */
  type InjectWSFn<RawRequest> = (
    path?: string, upgradeContext?: InjectWSContext<RawRequest>, options?: InjectWSOption
  ) => Promise<WebSocket>

  /** Handshake of `injectWS`. */
  type InjectWSContext<RawRequest> = Partial<Omit<RawRequest, 'headers' | 'socket'>> & {
    headers?: IncomingHttpHeaders | undefined
    // A union, because the methods of both return `this`: a Partial<Socket> does not extend a Partial<TLSSocket>.
    socket?: Partial<Socket> | Partial<TLSSocket> | undefined
  }

  /** Options of `injectWS`. */
  interface InjectWSOption {
    /** HTTP version to use. Default: '2' if the server supports it and the option `advertise` is on, else '1.1'. */
    http?: '1.1' | '2' | undefined
    /** Called with the socket before it opens, for example to add listeners. */
    onInit?: ((socket: WebSocket) => void) | undefined
    /** Called with the socket as soon as it is open. */
    onOpen?: ((socket: WebSocket) => void) | undefined
  }

  interface FastifyRequest {
    /** True if the request is a WebSocket handshake, over either HTTP version. */
    ws: boolean
  }

  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface RouteShorthandOptions<RawServer> {
    /**
     * Makes `handler` the websocket handler of the route, if `true` or options of the route. A plain GET is then
     * answered with 404. With `wsHandler`, an object sets the options of the route, and `handler` serves the plain GET.
     * Default: `false`.
     */
    websocket?: boolean | WebsocketRouteOptions
  }

  interface RouteShorthandMethod<RawServer, RawRequest, RawReply, TypeProvider, Logger> {
    /** Declares a websocket route: with `websocket: true`, or with options, `handler` is the websocket handler. */
    <
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends Schema = Schema,
      InnerLogger extends Logger = Logger
    > (
      path: string,
      options: RouteShorthandOptions<
        RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, InnerLogger
      > & { websocket: true | WebsocketRouteOptions },
      handler: WebsocketHandler<
        RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, InnerLogger
      >
    ): FastifyInstance<RawServer, RawRequest, RawReply, InnerLogger, TypeProvider>

    /** Declares a websocket route whose `handler` is among the options. */
    <
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends Schema = Schema
    > (
      path: string,
      options: RouteShorthandOptions<
        RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
      > & {
        websocket: true | WebsocketRouteOptions
        handler: WebsocketHandler<
          RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
        >
      }
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>
  }

  interface RouteOptions<
    // eslint-disable-next-line @typescript-eslint/no-unused-vars
    RawServer, RawRequest, RawReply, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
  > {
    /** Websocket handler of a route whose `handler` serves the plain GET. */
    wsHandler?: WebsocketHandler<
      RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
    >
  }
}
