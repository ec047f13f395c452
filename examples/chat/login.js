import cookie from '@fastify/cookie'

/** Letters and digits, with at most one separator between two of them. */
const NAME = { type: 'string', maxLength: 24, pattern: "^[\\p{L}\\p{M}\\p{N}]+(?:[ ._'-][\\p{L}\\p{M}\\p{N}]+)*$" }
const BODY = { type: 'object', properties: { name: NAME }, required: ['name'] }

/** The browser accepts a cookie with this prefix only from this host, and only with Secure and this path. */
const COOKIE = '__Host-name'
const COOKIE_OPTIONS = { signed: true, httpOnly: true, secure: true, sameSite: 'strict', path: '/', maxAge: 86400 }

/** Adds the routes of the login. `secret` signs the cookies. */
export async function addLogin (app, secret) {
  await app.register(cookie, { secret })
  app.decorateRequest('user', null)

  app.get('/login', async (request) => ({ name: readUser(request) }))

  app.post('/login', { bodyLimit: 1024, schema: { body: BODY } }, async ({ body }, reply) => {
    reply.setCookie(COOKIE, body.name, COOKIE_OPTIONS)
    return { name: body.name }
  })
}

/** Refuses a request without login. This is a hook. */
export async function requireLogin (request, reply) {
  request.user = readUser(request)
  if (request.user === null) return reply.code(401).send()
}

/** Returns the name in the cookie, or null without a cookie that this secret has signed. */
function readUser ({ cookies, unsignCookie }) {
  return unsignCookie(cookies[COOKIE] ?? '').value
}
