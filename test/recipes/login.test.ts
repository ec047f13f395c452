/** The program examples/recipes/login.js. */
import { createHmac } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from '../../lib/client/index.ts'
import { TRANSPORTS } from '../helpers/beside.ts'
import { startRecipe } from '../helpers/recipes.ts'
import { H1 } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText, roundTrip, waitUntil } from '../helpers/waiting.ts'

const SECRET = 'x'.repeat(32)
const DAY = 24 * 3600

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: the cookie of a login opens sockets, and so does its token as a Bearer token`, async (t) => {
    const fixture = await startLogin(t, transport)
    const cookie = await logIn(fixture, 'Ada')
    const ada = await fixture.open('/socket', { headers: { cookie } })
    const grace = await fixture.open('/socket', { headers: { authorization: `Bearer ${tokenOf('Grace', 60)}` } })
    const received = Promise.all([nextText(ada), nextText(grace)])
    grace.send('hello')
    t.same(await received, ['Grace: hello', 'Grace: hello'])
  })

  void t.test(`${transport.name}: a missing, expired, foreign or unsigned token is refused with 401`, async (t) => {
    const fixture = await startLogin(t, transport)
    const exp = now() + 60
    const invalid = {
      'no token': undefined,
      'an expired token': tokenOf('Ada', -60),
      'another secret': sign({ sub: 'Ada', exp }, 'y'.repeat(32)),
      'no signature': `${sign({ sub: 'Ada', exp }, SECRET, 'none').replace(/[^.]*$/, '')}`,
      'no expiry': sign({ sub: 'Ada' }, SECRET),
      'no token at all': 'x'
    }
    for (const [title, token] of Object.entries(invalid)) {
      const headers = token === undefined ? {} : { cookie: `__Host-token=${token}` }
      t.equal((await fixture.refused('/socket', { headers })).status, 401, title)
    }
    t.equal(fixture.app.websocketServer.clients.size, 0)
  })

  void t.test(`${transport.name}: a page of another origin is refused with 403, although it has the cookie`, async (t) => {
    const fixture = await startLogin(t, transport)
    const headers = { cookie: await logIn(fixture, 'Ada') }
    t.equal((await fixture.refused('/socket', { headers, origin: 'https://evil.example' })).status, 403)
    await fixture.open('/socket', { headers, origin: fixture.origin })
  })

  void t.test(`${transport.name}: a socket is closed with 4001 when its own token expires, and others stay open`, async (t) => {
    const fixture = await startLogin(t, transport)
    const { clients } = fixture.app.websocketServer
    const ada = await openAs(fixture, 'Ada', 2)
    const late = await openAs(fixture, 'Ada', 2)
    const grace = await openAs(fixture, 'Grace', 60)
    const texts: string[] = []
    grace.on('message', (data) => texts.push(String(data)))
    // It does not answer the Close frame yet.
    late.pause()
    t.same(await closed(ada), { code: 4001, reason: 'token expired' })
    await waitUntil(() => [...clients].filter(({ readyState }) => readyState === ada.OPEN).length === 1)
    late.send('too late')
    late.resume()
    t.same(await closed(late), { code: 4001, reason: 'token expired' })
    grace.send('still here')
    await waitUntil(() => texts.length > 0)
    t.same(texts, ['Grace: still here'], 'a message that arrives after the token has expired is ignored')
    t.equal(clients.size, 1)
  })
}

void t.test('a token that is valid for more than 25 days does not close its socket early, and leaves no timer', async (t) => {
  const timers = recordLongTimers(t)
  const fixture = await startLogin(t, H1, '60d')
  const ada = await fixture.open('/socket', { headers: { cookie: await logIn(fixture, 'Ada') } })
  const [server] = fixture.app.websocketServer.clients
  t.same(timers.delays, [2 ** 31 - 1])
  const listeners = server!.listenerCount('close')
  for (let count = 2; count < 10; count++) {
    timers.runLast()
    t.equal(timers.delays.length, count)
  }
  t.equal(server!.listenerCount('close'), listeners, 'no listener is left')
  await roundTrip(ada)
  t.equal(ada.readyState, ada.OPEN)
  t.notOk(timers.isLastCleared())
  ada.close()
  await closed(ada)
  await waitUntil(() => timers.isLastCleared(), 'the timer is cleared')
})

void t.test('a token that expires exactly now closes its socket with 4001', async (t) => {
  t.capture(Date, 'now', () => 0)
  const fixture = await startLogin(t, H1)
  const ada = fixture.connect('/socket', { headers: { cookie: `__Host-token=${sign({ sub: 'Ada', exp: 1 }, SECRET)}` } })
  fixture.app.websocketServer.on('connection', () => { t.capture(Date, 'now', () => 1000) })
  t.equal((await closed(ada)).code, 4001)
})

void t.test('a login sets a cookie that scripts and other sites cannot read, and has a name', async (t) => {
  const { app } = await startLogin(t, H1)
  const { headers } = await app.inject({ method: 'POST', url: '/login', payload: { name: 'Ada' } })
  t.match(headers['set-cookie'], /^__Host-token=[\w.-]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
  for (const payload of [{}, { name: '' }, { name: 'x'.repeat(51) }]) {
    t.equal((await app.inject({ method: 'POST', url: '/login', payload })).statusCode, 400)
  }
})

async function startLogin (t: Test, transport: Transport, expiresIn?: string): Promise<Fixture> {
  return await startRecipe(t, 'login', transport, { secret: SECRET, expiresIn })
}

/** Returns the cookie of a login. */
async function logIn ({ app }: Fixture, name: string): Promise<string> {
  const response = await app.inject({ method: 'POST', url: '/login', payload: { name } })
  return String(response.headers['set-cookie']).split(';')[0]!
}

async function openAs ({ open }: Fixture, name: string, seconds: number): Promise<WebSocket> {
  return await open('/socket', { headers: { cookie: `__Host-token=${tokenOf(name, seconds)}` } })
}

function tokenOf (sub: string, seconds: number): string {
  return sign({ sub, exp: now() + seconds }, SECRET)
}

function now (): number {
  return Math.floor(Date.now() / 1000)
}

/** Creates a JSON Web Token with an HMAC (RFC 7515 section 3). */
function sign (claims: object, secret: string, alg = 'HS256'): string {
  const input = [{ alg, typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

interface LongTimers {
  delays: number[]
  runLast (): void
  isLastCleared (): boolean
}

/** Replaces timers of more than a day by ones that the test runs. */
function recordLongTimers (t: Test): LongTimers {
  const { setTimeout, clearTimeout } = globalThis
  const delays: number[] = []
  const cleared = new Set<unknown>()
  let last: { run: () => void } | undefined
  t.intercept(globalThis, 'setTimeout', {
    configurable: true,
    writable: true,
    value: (run: () => void, delay = 0, ...rest: unknown[]) => {
      if (delay < DAY * 1000) return Reflect.apply(setTimeout, globalThis, [run, delay, ...rest])
      delays.push(delay)
      last = { run }
      return last
    }
  })
  t.intercept(globalThis, 'clearTimeout', {
    configurable: true,
    writable: true,
    value: (timer: unknown) => {
      cleared.add(timer)
      return Reflect.apply(clearTimeout, globalThis, [timer])
    }
  })
  return { delays, runLast: () => last!.run(), isLastCleared: () => cleared.has(last) }
}
