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

/** The class of the sockets, whichever the `WebSocket` of the options is. */
type SocketClass = typeof WsWebSocket & (new (...parameters: ConstructorParameters<typeof WsWebSocket>) => WebSocket)

// The type parameters of these interfaces repeat Fastify's names and order, and leave constraints and defaults to it:
// stated here, they would have to be the same in every Fastify 5 that there is. What is imported has another name where
// somebody augments it as well (@fastify/swagger does FastifySchema): it would hide the import here.
declare module 'fastify' {
  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /** The ws server that counts this server's sockets among its `clients`. */
    websocketServer: WsServer<SocketClass>

    /** Opens a socket to a route, without a port. */
    injectWS: InjectWSFn<RawRequest>

    /** With `websocket: true`, `handler` is the websocket handler. */
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
   * Opens a socket to a route in memory, through all that a client would meet but TLS, whether the server listens or
   * not. It resolves when the socket is open, and what the handler has sent by then waits for a listener.
   *
   * @param path path and query of the route. Default: '/'
   * @param upgradeContext the `headers` of the handshake; what its `socket` tells (`remoteAddress` is 127.0.0.1 else);
   * anything besides is put on the raw request
   * @throws FST_WS_UNEXPECTED_RESPONSE where the handshake is answered with anything but a socket: it has the
   * `statusCode` and the `headers` of that answer; FST_WS_INVALID_OPTION or FST_WS_NO_EXTENDED_CONNECT where the server
   * does not serve sockets over the HTTP version
   * @example
   * const socket = await app.injectWS('/chat/garden', { headers: { authorization: 'Bearer of tea' } })
   * socket.send('hello')
   * const [answer] = await once(socket, 'message')
   * socket.terminate()
   */
  type InjectWSFn<RawRequest> = (
    path?: string, upgradeContext?: InjectWSContext<RawRequest>, options?: InjectWSOption
  ) => Promise<WebSocket>

  /** What a handshake that is injected brings along. */
  type InjectWSContext<RawRequest> = Partial<Omit<RawRequest, 'headers' | 'socket'>> & {
    headers?: IncomingHttpHeaders | undefined
    // A socket without TLS is no part of one with TLS: its methods return themselves.
    socket?: Partial<Socket> | Partial<TLSSocket> | undefined
  }

  interface InjectWSOption {
    /** HTTP version to use. Default: '2' where the server speaks it and the plugin says so to clients, else '1.1'. */
    http?: '1.1' | '2' | undefined
    /** Called with the socket before it opens. */
    onInit?: ((socket: WebSocket) => void) | undefined
    /** Called with the socket as soon as it is open. */
    onOpen?: ((socket: WebSocket) => void) | undefined
  }

  interface FastifyRequest {
    /** Whether the request asks for a WebSocket, over either HTTP version. */
    ws: boolean
  }

  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface RouteShorthandOptions<RawServer> {
    /**
     * Whether `handler` is a websocket handler: a plain GET of the route is then answered with 404. In place of `true`
     * the route's own options may stand; those of a route with a `wsHandler` too.
     */
    websocket?: boolean | WebsocketRouteOptions
  }

  interface RouteShorthandMethod<RawServer, RawRequest, RawReply, TypeProvider, Logger> {
    /** With `websocket: true`, the handler is the websocket handler. */
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

    /** With `websocket: true`, the handler is the websocket handler, among the options too. */
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
    /** The websocket handler of a route whose `handler` serves its plain GET. */
    wsHandler?: WebsocketHandler<
      RawServer, RawRequest, RouteGeneric, ContextConfig, SchemaCompiler, TypeProvider, Logger
    >
  }
}
