/** A log of messages. A page that connects again receives what it has missed, and each message is logged once. */
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { parse } from '../../chat/input.js'
import { startIfMain } from '../../shared/main.js'
import { servePage } from '../../shared/page.js'

const MAX_LOG = 1000
const QUERY = { type: 'object', properties: { after: { type: 'string' } } }
const MESSAGE = {
  type: 'object',
  properties: { id: { type: 'string', format: 'uuid' }, text: { type: 'string', maxLength: 500 } },
  required: ['id', 'text'],
  additionalProperties: false
}

export async function build (options) {
  const app = fastify(options)
  /** Messages by their id, the oldest first. Keep them in a database: then a restart does not lose them. */
  const log = new Map()
  await app.register(websocket, { options: { maxPayload: 4096 }, shutdown: { code: 1012, reason: 'restart' } })
  await app.register(servePage, {
    directory: new URL('page/', import.meta.url),
    files: { '/room.js': new URL('../../chat/page/room.js', import.meta.url) }
  })

  app.route({
    method: 'GET',
    url: '/messages',
    schema: { querystring: QUERY },
    handler: (request, reply) => reply.code(204).send(),
    wsHandler
  })
  return app

  function wsHandler (socket, request) {
    // An unknown id is older than the log, and indexOf() returns -1: the client receives the whole log.
    const missed = [...log.keys()].indexOf(request.query.after) + 1
    socket.send(JSON.stringify({ type: 'welcome', history: [...log.values()].slice(missed) }))
    socket.subscribe('messages')
    socket.on('message', (data) => {
      // A client may send more before it answers the Close frame.
      if (socket.readyState !== socket.OPEN) return
      const message = parse(data)
      if (!request.validateInput(message, MESSAGE)) return socket.close(1008, 'not a message')
      // A client sends a message again if the connection was lost before it was acknowledged.
      if (log.has(message.id)) return
      log.set(message.id, message)
      if (log.size > MAX_LOG) log.delete(log.keys().next().value)
      app.websocketServer.publish('messages', { type: 'message', ...message })
    })
  }
}

await startIfMain(import.meta.url, build)
