import { randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { startIfMain } from '../shared/main.js'

const COOKIE = '__Host-token'
const CREDENTIALS = {
  type: 'object', properties: { name: { type: 'string', minLength: 1, maxLength: 50 } }, required: ['name']
}

// Node.js calls a function after 1 ms if its delay is longer than this, which is 24.8 days.
const MAX_DELAY = 2 ** 31 - 1

export async function build (options, { secret = randomBytes(32), expiresIn = '15m' } = {}) {
  const app = fastify(options)
  await app.register(websocket)
  await app.register(cookie)
  await app.register(jwt, {
    secret,
    cookie: { cookieName: COOKIE, signed: false },
    sign: { algorithm: 'HS256', expiresIn },
    // A token without "exp" would never expire.
    verify: { algorithms: ['HS256'], requiredClaims: ['exp'] }
  })

  app.post('/login', { schema: { body: CREDENTIALS } }, async ({ body }, reply) => {
    // Check the password here.
    const token = app.jwt.sign({ sub: body.name })
    reply.setCookie(COOKIE, token, { httpOnly: true, secure: true, sameSite: 'strict', path: '/' })
    return { name: body.name }
  })

  app.get('/socket', {
    websocket: true,
    onRequest: (request) => request.jwtVerify()
  }, (socket, { user }) => {
    closeAt(socket, user.exp * 1000)
    socket.on('message', (data) => {
      // A client may send more before it answers the Close frame.
      if (socket.readyState === socket.OPEN) app.websocketServer.broadcast(`${user.sub}: ${data}`)
    })
  })
  return app
}

function closeAt (socket, time) {
  const delay = Math.min(time - Date.now(), MAX_DELAY)
  if (delay <= 0) return socket.close(4001, 'token expired')
  const timer = setTimeout(() => {
    socket.off('close', stop)
    closeAt(socket, time)
  }, delay)
  const stop = () => clearTimeout(timer)
  socket.once('close', stop)
}

await startIfMain(import.meta.url, build)
