import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type {
  ContextConfigDefault, FastifySchema as Schema, RouteGenericInterface, RouteOptions as FastifyRouteOptions
} from 'fastify'
import type { WebsocketHandler } from './handler.ts'
import type { WebsocketRouteOptions } from './route.ts'
import type { WebSocket } from './socket.ts'
import type { WebsocketServer } from './websocket-server.ts'

export type { RouteOptions } from 'fastify'

// The type parameters of these interfaces have Fastify's names and order, and neither constraints nor defaults: those
// would have to be identical in every release of Fastify 5. Imports of types that other packages augment are renamed
// (@fastify/swagger augments FastifySchema), because the augmented name would shadow the import in this block.
declare module 'fastify' {
  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /**
     * The `WebSocketServer` of ws, for both HTTP versions: open sockets in `clients`, events of handshakes, and in
     * addition topics, statistics and `drain()`.
     *
     * @example
     * for (const socket of app.websocketServer.clients) socket.send('to all')
     */
    websocketServer: WebsocketServer

    /** Opens a socket to a route in memory, for tests. The server need not listen. */
    injectWS: InjectWSFn<RawRequest>

    /**
     * Adds a websocket route: `handler` is called with each socket that a client opens at `url`. A plain GET is refused
     * with 426, and with 405 over HTTP/2; `wsHandler` in place of `websocket` makes a route that serves both.
     *
     * @throws FST_WS_INVALID_METHOD if the method is not GET
     * @throws FST_WS_INVALID_OPTION if an option in `websocket` is unknown or invalid
     */
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
   * Opens a socket to a route in memory, for tests. Resolves when the socket is open; messages that the handler has
   * sent by then wait for a listener. The server need not listen. The handshake passes through the server's HTTP
   * parser, the hooks and the route, but not through TLS.
   *
   * @param path path of the route, with its query. Begins with '/'. Default: '/'
   * @param upgradeContext `headers` of the handshake, properties of the raw request's `socket` (`remoteAddress`
   * defaults to 127.0.0.1), and any other properties of the raw request
   * @throws FST_WS_UNEXPECTED_RESPONSE if the handshake is refused. The error has the `statusCode` and the `headers`
   * of the response
   * @throws FST_WS_INVALID_OPTION if `path` or an option is invalid or unknown, or if a server without TLS does not
   * speak the HTTP version of `options.http`
   * @throws FST_WS_NO_EXTENDED_CONNECT if `options.http` is '2', and a server with TLS does not serve WebSocket over it
   * @example
   * const socket = await app.injectWS('/chat/garden', { headers: { authorization: 'Bearer of tea' } })
   * socket.send('hello')
   * const [answer] = await once(socket, 'message')
   * socket.terminate()
   */
  type InjectWSFn<RawRequest> = (
    path?: string, upgradeContext?: InjectWSContext<RawRequest>, options?: InjectWSOption
  ) => Promise<WebSocket>

  /** Handshake of `injectWS`: header fields, and properties of the raw request. */
  type InjectWSContext<RawRequest> = Partial<Omit<RawRequest, 'headers' | 'socket'>> & {
    headers?: IncomingHttpHeaders | undefined
    // A union, because the methods of both return `this`: a Partial<Socket> does not extend a Partial<TLSSocket>.
    socket?: Partial<Socket> | Partial<TLSSocket> | undefined
  }

  /** Options of `injectWS`. */
  interface InjectWSOption {
    /** HTTP version to use. Default: '2' if the server offers WebSocket over it, else '1.1'. See RFC 8441. */
    http?: '1.1' | '2' | undefined
    /** Called with the socket before it opens, for example to add listeners. */
    onInit?: ((socket: WebSocket) => void) | undefined
    /** Called with the socket as soon as it is open. */
    onOpen?: ((socket: WebSocket) => void) | undefined
  }

  interface FastifyRequest {
    /**
     * True if the client asks for a socket, so that hooks can treat it differently: any reply refuses it. Over HTTP/1.1
     * the request is an Upgrade (RFC 6455 section 4.1), over HTTP/2 an Extended CONNECT (RFC 8441 section 4).
     */
    ws: boolean
  }

  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface RouteShorthandOptions<RawServer> {
    /**
     * Serves sockets at this route: `handler` is called with the socket and the request. An object sets options of this
     * route, too. Default: `false`.
     *
     * A plain GET is refused with 426 (FST_WS_UPGRADE_REQUIRED), and with 405 over HTTP/2. To serve it as well, pass
     * `wsHandler`: then `handler` serves the plain GET, and an object here sets options only.
     *
     * Routes have to be added after `await app.register(websocket)`.
     */
    websocket?: boolean | WebsocketRouteOptions
  }

  interface RouteShorthandMethod<RawServer, RawRequest, RawReply, TypeProvider, Logger> {
    /** Adds a websocket route: `handler` is called with each socket that a client opens at `path`. */
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

    /** Adds a websocket route: `options.handler` is called with each socket that a client opens at `path`. */
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
    /**
     * Serves sockets at this route, in addition to the plain GET that `handler` serves. Called with the socket and the
     * request. With `websocket`, it can have options of its own.
     */
    wsHandler?: WebsocketHandler<
      RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
    >
  }
}
