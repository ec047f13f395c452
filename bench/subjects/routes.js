/** What every Fastify server of the benchmark serves, so that they differ in the plugin alone. */

// One message may wait while the other is being written, so that the socket never runs dry.
const SOURCE_AHEAD = 2

export function addRoutes (app) {
  app.get('/echo', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })

  // The answer says that a message has arrived as a whole, and is too small to be what is measured.
  app.get('/sink', { websocket: true }, (socket) => {
    socket.on('message', () => socket.send('1'))
  })

  app.get('/source', { websocket: true }, (socket, request) => {
    const message = Buffer.alloc(Number(request.query.bytes))
    const send = (error) => { if (!error) socket.send(message, send) }
    for (let ahead = 0; ahead < SOURCE_AHEAD; ahead++) send()
  })

  app.get('/stall', { websocket: true }, (socket) => socket.pause())

  // A message of one goes to all.
  app.get('/fan-out', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => {
      for (const client of app.websocketServer.clients) client.send(data, { binary: isBinary })
    })
  })
}

/** Ordinary, with a body and a header: what an application has besides its sockets. */
export function addPlainRoute (app) {
  app.get('/', () => ({ hello: 'world' }))
}
