import type { IncomingMessage } from 'node:http'
import { connect as openSession } from 'node:http2'
import fastify from 'fastify'
import type { FastifyInstance, InjectWSOption } from 'fastify'
import websocket, { fastifyWebsocket, fastifyWebsocketH2 } from 'fastify-websocket-h2'
import type {
  WebSocket, WebsocketHandler, WebsocketPluginOptions, WebsocketRouteOptions
} from 'fastify-websocket-h2'
import { connect } from 'fastify-websocket-h2/client'
import type { ConnectOptions, SessionConnectOptions } from 'fastify-websocket-h2/client'
import { WebSocket as WsWebSocket } from 'ws'

class Socket extends WsWebSocket {}

const options: WebsocketPluginOptions = {
  options: { maxPayload: 1024, WebSocket: Socket, verifyClient: (info) => info.secure },
  errorHandler: (error, socket, request) => {
    request.log.error(error)
    socket.terminate()
  },
  preClose: async () => {},
  maxConcurrentStreams: 256
}

const plain: FastifyInstance = fastify()
plain.register(websocket, options)
const handler: WebsocketHandler = async function (socket, request) {
  this.log.info(request.url)
  socket.close()
}
plain.get('/', { websocket: true }, handler)
plain.get('/annotated', { websocket: true }, (socket: WsWebSocket, request) => {
  if (socket.readyState === WsWebSocket.OPEN) socket.send(request.url)
})

const secure = fastify({ http2: true, https: { allowHTTP1: true } })
secure.register(fastifyWebsocketH2, options)
secure.get<{ Params: { room: string } }>('/:room', { websocket: true }, (socket, request) => {
  socket.send(request.params.room, { binary: false })
  if (request.ws) secure.log.info(request.raw.stream.id)
})
secure.route({
  method: 'GET',
  url: '/both',
  handler: async () => 'page',
  wsHandler: (socket: WebSocket) => { socket.close(1000, 'bye') }
})
for (const client of secure.websocketServer.clients) client.terminate()

const own: WebsocketRouteOptions = { maxPayload: 1024, protocols: ['v2', 'v1'], errorHandler: undefined }
plain.get('/own', { websocket: own }, handler)
plain.get('/own-send-limit', {
  websocket: { sendLimit: 2 ** 20, slowConsumer: (socket) => { socket.terminate() } },
  handler: (socket, request) => { if (socket.writableNeedDrain) request.log.info('slow') }
})
secure.route({
  method: 'GET',
  url: '/own',
  websocket: { perMessageDeflate: { threshold: 1024 } },
  handler: (_request, reply) => reply.send('page'),
  wsHandler: (socket, request) => { socket.send(String(request.raw.stream.id)) }
})

const injected: InjectWSOption = { onInit: (socket) => { socket.on('message', console.log) }, http: undefined }
const context: Partial<IncomingMessage> = { headers: { authorization: 'Bearer of tea' } }
export const opened: Array<Promise<WebSocket>> = [
  plain.injectWS(),
  plain.injectWS('/own', context, injected),
  secure.injectWS('/own', { socket: { remoteAddress: '192.0.2.1' } }, { http: '2' })
]

const connecting: ConnectOptions = { http: '2', ca: '', headers: { 'x-room': ['a', 'b'], 'x-none': undefined } }
export async function listen (): Promise<void> {
  const path: SessionConnectOptions = { path: '/own', protocols: ['v2'] }
  for await (const message of connect(openSession('https://localhost'), path)) plain.log.info(message.length)
  const socket: WsWebSocket = connect(new URL('wss://localhost/own'), connecting)
  socket.close()
}

// @ts-expect-error an unknown option
plain.register(fastifyWebsocket, { compress: true })
// @ts-expect-error an option of the plugin, not of routes
plain.get('/mistake', { websocket: { verifyClient: () => true } }, handler)
// @ts-expect-error an option only for sessions
connect('wss://localhost', { path: '/' })

const everybody = new Set<WebSocket>(secure.websocketServer.clients)
secure.websocketServer.on('connection', (socket) => everybody.add(socket))
secure.websocketServer.clients.forEach((client: WebSocket) => client.send('to all'))

const named: websocket.WebsocketHandler = (socket: websocket.WebSocket) => { socket.close() }
plain.get('/named', { websocket: true }, named)
