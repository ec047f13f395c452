import { OPTIONS } from '../subjects.ts'

/** The order of docs/api.md: each public declaration has a place in one section. */
export interface Section {
  title: string
  /** Sentences under the title. */
  intro: string
  /** Names of declarations, in their order. */
  names: string[]
}

export const SECTIONS: Section[] = [
  {
    title: 'The plugin',
    intro: 'Exports of `fastify-websocket-h2`: the plugin as `default`, `fastifyWebsocketH2` and `fastifyWebsocket`, and as what `require()` returns (`module.exports`), and all types on this page.',
    names: ['fastifyWebsocketH2']
  },
  {
    title: 'Options',
    intro: 'An option that is `undefined` or `null` counts as not given.',
    names: [
      'WebsocketPluginOptions', 'WebsocketServerOptions', 'WebsocketRouteOptions', 'ReceiveWindowOptions', 'ShutdownOptions',
      'OriginOption', 'OriginRule', 'OriginFunction', 'SlowConsumer', 'PreCloseHook', 'VerifyClient'
    ]
  },
  {
    title: 'Routes',
    intro: 'The package adds members to the types of Fastify. `RouteOptions` of Fastify is exported under its name, as by @fastify/websocket.',
    names: [
      'WebsocketHandler', 'WebsocketErrorHandler', 'RouteShorthandMethod', 'RouteShorthandOptions', 'RouteOptions',
      'FastifyRequest', 'FastifyInstance'
    ]
  },
  { title: 'Sockets', intro: '', names: ['WebSocket', 'HttpVersion'] },
  {
    title: 'The server',
    intro: '',
    names: ['WebsocketServer', 'DrainOptions', 'WebsocketStats', 'RelayStats']
  },
  {
    title: 'Topics',
    intro: 'The methods are members of [`WebSocket`](#websocket) and [`WebsocketServer`](#websocketserver).',
    names: [
      'WebSocketTopics', 'WebSocketTopic', 'Publish', 'PublishOptions', 'BroadcastOptions', 'MessageOptions', 'PreparedMessage'
    ]
  },
  {
    title: 'The relay',
    intro: 'Types of the options `relay` and `onRelayError`.',
    names: [
      'RelayEmitter', 'RelayMessage', 'RelayListener', 'RelayCallback', 'RelayErrorHandler', 'RelayErrorContext', 'RelayOperation'
    ]
  },
  {
    title: 'Tests in memory',
    intro: 'The type of `app.injectWS()` and its parameters. `fastify` exports them.',
    names: ['InjectWSFn', 'InjectWSContext', 'InjectWSOption']
  },
  {
    title: 'The client',
    intro: 'Exports of `fastify-websocket-h2/client`. The types are exported by `fastify-websocket-h2`, too.',
    names: [
      'connect', 'ConnectOptions', 'SessionConnectOptions', 'ReconnectingConnectOptions', 'ReconnectOptions',
      'ReconnectingWebSocket', 'ReconnectingWebSocketEvents', 'Reconnecting'
    ]
  },
  {
    title: 'The gateway',
    intro: 'Exports of `fastify-websocket-h2/gateway`. The types are exported by `fastify-websocket-h2`, too.',
    names: ['serveExtendedConnect', 'UpgradeHandler', 'GatewayOptions']
  },
  {
    title: 'Diagnostics channels',
    intro: 'Channels of `node:diagnostics_channel`, and the types of their messages. [Operations](operations.md#channels) has examples.',
    names: [
      'HandshakeMessage', 'HandshakeRefusedMessage', 'RefusalCause', 'SocketMessage', 'SocketOpenMessage', 'SocketCloseMessage',
      'SocketTraffic', 'SlowConsumerMessage', 'UnresponsiveMessage', 'BackpressureMessage', 'SessionMessage',
      'SessionOpenMessage', 'SessionCloseMessage', 'ReceiveWindowMessage', 'RelayErrorMessage', 'ShutdownMessage'
    ]
  }
]

/** The page that explains a declaration. */
export const GUIDES: Record<string, string> = {
  fastifyWebsocketH2: '[Routes](routes.md)',
  OriginOption: '[`origin`](options-and-events.md#origin)',
  SlowConsumer: '[A client that does not read](backpressure.md#a-client-that-does-not-read)',
  PreCloseHook: '[Closing](options-and-events.md#closing)',
  WebsocketHandler: '[The handler](routes.md#the-handler)',
  WebsocketErrorHandler: '[Errors of a handler](routes.md#errors-of-a-handler)',
  WebsocketRouteOptions: `[Route options](options-and-events.md#route-options), with all of them: ${toList(OPTIONS.route)}`,
  RouteOptions: '[Declare a route](routes.md#declare-a-route)',
  WebSocket: '[Backpressure](backpressure.md), [Topics](topics.md), and [the members that ws has](https://github.com/websockets/ws/blob/master/doc/ws.md#class-websocket)',
  WebsocketServer: '[Server events](options-and-events.md#server-events), and [the members that ws has](https://github.com/websockets/ws/blob/master/doc/ws.md#class-websocketserver)',
  WebsocketStats: '[Statistics](operations.md#statistics)',
  WebSocketTopics: '[TypeScript](typescript.md#topics)',
  PreparedMessage: '[Prepare a message](topics.md#prepare-a-message)',
  RelayEmitter: '[Other relays](topics.md#other-relays)',
  RelayErrorHandler: '[When the relay fails](topics.md#when-the-relay-fails)',
  InjectWSFn: '[Testing](testing.md)',
  connect: '[Client](client.md)',
  ReconnectingWebSocket: '[Reconnect](client.md#reconnect)',
  serveExtendedConnect: '[Without the plugin](gateway.md#without-the-plugin)',
  UpgradeHandler: '[Other WebSocket servers](gateway.md)',
  HandshakeMessage: '[Handshakes](operations.md#handshakes)',
  RefusalCause: '[Causes of refusals](operations.md#causes-of-refusals)'
}

/** The table that explains the options of an interface. Here they have their types and defaults only. */
export const OPTION_TABLES: Record<string, string> = {
  WebsocketPluginOptions: '[Plugin options](options-and-events.md#plugin-options)',
  WebsocketServerOptions: '[Options of ws](options-and-events.md#options-of-ws)',
  DrainOptions: '[Server events](options-and-events.md#server-events)',
  PublishOptions: '[Publish from anywhere](topics.md#publish-from-anywhere)',
  BroadcastOptions: '[Broadcast](topics.md#broadcast)',
  ConnectOptions: '[Options](client.md#options)',
  ReconnectOptions: '[Reconnect](client.md#reconnect)',
  GatewayOptions: '[Without the plugin](gateway.md#without-the-plugin)'
}

/** The name of an object whose members have headings of their own. */
export const OBJECTS: Record<string, string> = {
  WebSocket: 'socket.',
  WebsocketServer: 'websocketServer.',
  ReconnectingWebSocket: 'reconnecting.',
  FastifyInstance: 'app.',
  FastifyRequest: 'request.'
}

/** Signatures in place of those in the source, which have the type parameters of Fastify. */
export const SIGNATURES: Record<string, string> = {
  RouteShorthandMethod: `app.get(path: string, options: { websocket: true | WebsocketRouteOptions, … }, handler: WebsocketHandler)
app.get(path: string, options: { websocket: true | WebsocketRouteOptions, handler: WebsocketHandler, … })`,
  'app.route()': `app.route(options: {
  method: 'GET', url: string, websocket: true | WebsocketRouteOptions, handler: WebsocketHandler, …
})`
}

/** A server that answers one message, or greets, and closes. */
const SERVER = `app.get('/*', { websocket: true }, (socket, request) => {
  if (request.url !== '/feed') socket.once('message', (data) => socket.send(String(data)))
  else socket.send('news')
  socket.once(request.url === '/feed' ? 'pong' : 'message', () => socket.close())
  socket.ping()
})
await app.listen({ port: 8443 })`

/** Code that prepares the example of a declaration. Examples without an entry need none; null is not run. */
export const SETUPS: Record<string, string | null> = {
  WebsocketHandler: null,
  WebSocketTopics: null,
  WebsocketRouteOptions: 'const handler = (socket) => socket.send(socket.protocol)',
  connect: SERVER,
  ReconnectingWebSocket: SERVER,
  InjectWSFn: `app.get('/chat/:room', {
  websocket: true,
  async onRequest (request, reply) {
    if (request.headers.authorization !== 'Bearer of tea') return reply.code(401).send()
  }
}, (socket) => socket.once('message', (data) => socket.send(String(data))))`,
  serveExtendedConnect: `const { WebSocketServer } = await import('ws')
const { serveExtendedConnect } = await import('fastify-websocket-h2/gateway')
const server = http2.createSecureServer({ key, cert, allowHTTP1: true })`
}

function toList (names: string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}
