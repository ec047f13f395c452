/** Routes of all Fastify servers of the benchmark, so that they differ in their plugin only. */
import { TOPIC, encode, messageOf } from './messages.js'

// While one message is being written, another one is queued, so that there is always something to send.
const SOURCE_IN_FLIGHT = 2

/** Functions that send a message to all sockets of a server. */
const FAN_OUTS = {
  loop (server, message) {
    const text = encode(message)
    for (const client of server.clients) client.send(text)
  },
  publish (server, message) {
    server.publish(TOPIC, message)
  }
}

export function addWebSocketRoutes (app) {
  app.get('/echo', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })

  // The reply acknowledges a complete message, and is too small to affect the result.
  app.get('/sink', { websocket: true }, (socket) => {
    socket.on('message', () => socket.send('1'))
  })

  app.get('/source', { websocket: true }, (socket, request) => {
    const message = Buffer.alloc(Number(request.query.bytes))
    const send = (error) => { if (!error) socket.send(message, send) }
    for (let sent = 0; sent < SOURCE_IN_FLIGHT; sent++) send()
  })

  app.get('/stall', { websocket: true }, (socket) => socket.pause())

  // A message of any socket makes the server send one to all of its sockets.
  app.get('/fan-out', { websocket: true }, (socket, request) => {
    const { bytes, by } = request.query
    const message = messageOf(Number(bytes))
    if (by === 'publish') socket.subscribe(TOPIC)
    socket.on('message', () => FAN_OUTS[by](app.websocketServer, message))
  })
}

/** Adds a route with a JSON response, for the scenarios that measure plain requests. */
export function addPlainRoute (app) {
  app.get('/', () => ({ hello: 'world' }))
}
