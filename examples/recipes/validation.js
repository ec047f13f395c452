import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { Type } from 'typebox'
import { startIfMain } from '../shared/main.js'

const strict = { additionalProperties: false }
const Coordinate = Type.Integer({ minimum: 0, maximum: 999 })
const SCHEMAS = {
  say: Type.Object({ type: Type.Literal('say'), text: Type.String({ minLength: 1, maxLength: 100 }) }, strict),
  move: Type.Object({ type: Type.Literal('move'), x: Coordinate, y: Coordinate }, strict)
}
const TYPES = Object.keys(SCHEMAS)
const MAX_MISTAKES = 3

export async function build (options) {
  // Otherwise Fastify would convert { "x": null } to 0, and remove properties that the schema does not have.
  const app = fastify({ ...options, ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  await app.register(websocket, { options: { maxPayload: 4096 } })

  app.get('/board', { websocket: true }, (socket, request) => {
    let mistakes = 0
    socket.on('message', (data, isBinary) => {
      // A client may send more before it answers the Close frame.
      if (socket.readyState !== socket.OPEN) return
      if (isBinary) return socket.close(1003, 'text only')
      const message = parse(data)
      if (message === undefined) return socket.close(1007, 'not JSON')
      const error = check(request, message)
      if (error !== undefined) {
        if (++mistakes === MAX_MISTAKES) return socket.close(1008, 'too many invalid messages')
        return socket.send(JSON.stringify({ type: 'error', error }))
      }
      app.websocketServer.broadcast(message)
    })
  })
  return app
}

/** Returns the first violation of the schema of a message. */
function check (request, message) {
  if (!TYPES.includes(message?.type)) return `/type must be one of ${TYPES.join(', ')}`
  // Fastify compiles each schema once for a route.
  const validate = request.compileValidationSchema(SCHEMAS[message.type])
  if (validate(message)) return undefined
  const [{ instancePath, message: violation }] = validate.errors
  return `${instancePath} ${violation}`.trimStart()
}

function parse (data) {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

await startIfMain(import.meta.url, build)
