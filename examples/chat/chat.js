import { MESSAGE, PARAMS, parse } from './input.js'
import { addLogin, requireLogin } from './login.js'
import { Rooms } from './rooms.js'

/** A socket may send this many messages at once, and then one for each interval, in ms. */
const BURST = 20
const INTERVAL = 500

/** The chat, as a plugin: login, and rooms. `secret` signs the cookies. */
export async function chat (app, { secret }) {
  const rooms = new Rooms()
  await addLogin(app, secret)

  app.get('/rooms/:room', {
    websocket: true,
    schema: { params: PARAMS },
    onRequest: requireLogin
  }, join)

  function join (socket, request) {
    const { user, params: { room: topic } } = request
    const room = rooms.open(topic)
    const mayReceive = createLimit()

    socket.on('message', (data, isBinary) => {
      // Messages may still arrive after close() has been called.
      if (socket.readyState !== socket.OPEN) return
      if (!mayReceive()) return socket.close(1008, 'too many messages')
      const message = isBinary ? undefined : parse(data)
      if (!request.validateInput(message, MESSAGE)) return socket.close(1007, 'not a message of this chat')
      say(message)
    })

    socket.on('close', () => {
      if (room.leave(user)) app.websocketServer.publish(topic, { type: 'left', name: user })
    })

    if (room.enter(user)) app.websocketServer.publish(topic, { type: 'joined', name: user })
    socket.subscribe(topic)
    const { people, history } = room
    socket.send(JSON.stringify({ type: 'welcome', httpVersion: socket.httpVersion, people, history }))

    /** Sends a message to the whole room. Its sender receives it too, which acknowledges it. */
    function say ({ id, text }) {
      const message = { type: 'message', id, name: user, text, time: Date.now() }
      room.remember(message)
      app.websocketServer.publish(topic, message)
    }
  }
}

/** Returns a function that returns whether one more message is within the limit. */
function createLimit () {
  let allowed = BURST
  let last = Date.now()
  return () => {
    const now = Date.now()
    allowed = Math.min(BURST, allowed + (now - last) / INTERVAL)
    last = now
    return allowed >= 1 && allowed-- > 0
  }
}
