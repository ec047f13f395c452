/** Routes of all Fastify servers of the benchmark, so that they differ in their plugin only. */

// While one message is being written, another one is queued, so that there is always something to send.
const SOURCE_IN_FLIGHT = 2

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

  // Sends a message from any socket to all sockets of the server.
  app.get('/fan-out', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => {
      for (const client of app.websocketServer.clients) client.send(data, { binary: isBinary })
    })
  })
}

/** Adds a route with a JSON response, for the scenarios that measure plain requests. */
export function addPlainRoute (app) {
  app.get('/', () => ({ hello: 'world' }))
}
