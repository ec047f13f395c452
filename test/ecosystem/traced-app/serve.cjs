'use strict'

/**
 * Starts a server whose route /echo sends each message back, as text or bytes. It publishes after 'publish', and closes
 * the socket after 'bye'. The parent process receives its port, and ends it.
 */
module.exports = async function serve (fastify, plugin, options) {
  const app = fastify(options)
  await app.register(plugin)
  app.get('/echo', { websocket: true }, (socket) => {
    socket.subscribe('all')
    socket.on('message', (data, isBinary) => {
      if (String(data) === 'bye') socket.close(1000)
      else if (String(data) === 'publish') app.websocketServer.publish('all', 'published')
      else socket.send(isBinary ? data : String(data))
    })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  process.once('message', async () => {
    await app.close()
    process.exit()
  })
  process.send(app.server.address().port)
}
