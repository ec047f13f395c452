import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import websocket, { fastifyWebsocketH2 } from 'fastify-websocket-h2'
import type { WebSocket, WebsocketHandler, WebsocketPluginOptions } from 'fastify-websocket-h2'
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

// @ts-expect-error an option that there is not
plain.register(websocket, { compress: true })
