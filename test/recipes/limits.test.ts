/** examples/recipes/limits.js, with clients of both transports on one port. */
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { connect } from '../../lib/client/index.ts'
import type { WebSocket } from '../../lib/client/index.ts'
import { startRecipe } from '../helpers/recipes.ts'
import { H1_BESIDE_H2 } from '../helpers/transports.ts'
import { closed, nextText, waitUntil } from '../helpers/waiting.ts'

type Version = '1.1' | '2'

interface Limited {
  start (user: string, http: Version): WebSocket
  open (user: string, http: Version): Promise<WebSocket>
  refused (user: string, http: Version): Promise<{ status: number, headers: Record<string, string> }>
  openSockets (): number
}

const VERSIONS: Version[] = ['1.1', '2']

void t.test('the sockets of a user are counted over both transports, and more of them are refused with 429 and retry-after', async (t) => {
  const { open, refused, openSockets } = await startLimited(t)
  const sockets = [await open('ada', '1.1'), await open('ada', '2'), await open('ada', '1.1')]
  for (const http of VERSIONS) {
    const { status, headers } = await refused('ada', http)
    t.match({ status, 'retry-after': headers['retry-after'] }, { status: 429, 'retry-after': '10' }, http)
  }
  await open('grace', '2')
  t.equal(openSockets(), 4)

  sockets[1]!.close()
  await once(sockets[1]!, 'close')
  await waitUntil(() => openSockets() === 3, 'the server has closed the socket')
  await open('ada', '1.1')
  t.equal((await refused('ada', '2')).status, 429)
})

void t.test('of handshakes of a user at the same time, no more are accepted than the user may have sockets', async (t) => {
  const { start, openSockets } = await startLimited(t)
  const attempts = Array.from({ length: 12 }, (_, index) => start('ada', VERSIONS[index % 2]!))
  const statuses = await Promise.all(attempts.map(async (socket) => {
    socket.on('error', () => {})
    return await Promise.race([
      once(socket, 'open').then(() => 'open'),
      once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number)
    ])
  }))
  t.same(statuses.filter((status) => status !== 'open'), Array(9).fill(429))
  t.equal(openSockets(), 3)
})

void t.test('the handshakes of a user are counted over both transports, refused ones too', async (t) => {
  const { open, refused } = await startLimited(t)
  for (let count = 0; count < 20; count++) {
    const socket = await open('ada', VERSIONS[count % 2]!)
    socket.close()
    await once(socket, 'close')
  }
  for (const http of VERSIONS) {
    const { status, headers } = await refused('ada', http)
    t.equal(status, 429)
    t.match(headers, { 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '0', 'retry-after': /^\d+$/ }, http)
  }
  await open('grace', '1.1')
})

void t.test('the messages of a user are counted over both transports, and a socket with one too many is closed with 1008', async (t) => {
  const { open } = await startLimited(t)
  const [first, second, third] = [await open('ada', '1.1'), await open('ada', '2'), await open('ada', '2')]
  const grace = await open('grace', '1.1')
  for (let sent = 0; sent < 50; sent++) {
    for (const socket of [first, second]) {
      socket.send(`${sent}`)
      t.equal(await nextText(socket), `${sent}`)
    }
  }
  third.send('one too many')
  t.match(await closed(third), { code: 1008, reason: /^retry in \d+ s$/ })
  t.same([first.readyState, second.readyState], [first.OPEN, second.OPEN], 'sockets that send nothing stay open')

  const again = await open('ada', '1.1')
  again.send('a new socket has no new allowance')
  t.equal((await closed(again)).code, 1008)
  grace.send('hello')
  t.equal(await nextText(grace), 'hello')
})

for (const http of VERSIONS) {
  void t.test(`HTTP/${http}: a socket that floods the server receives what is within the limit, in order, then 1008`, async (t) => {
    const { open } = await startLimited(t)
    const socket = await open('ada', http)
    const received: string[] = []
    socket.on('message', (data) => received.push(String(data)))
    for (let sent = 0; sent < 5000; sent++) socket.send(`${sent}`)
    t.equal((await closed(socket)).code, 1008)
    t.same(received, Array.from({ length: 100 }, (_, index) => `${index}`))
  })
}

void t.test('a handshake with an unknown token is refused with 401', async (t) => {
  const { refused } = await startLimited(t)
  for (const http of VERSIONS) t.equal((await refused('nobody', http)).status, 401)
})

async function startLimited (t: Test): Promise<Limited> {
  const { origin, app } = await startRecipe(t, 'limits', H1_BESIDE_H2)
  return { start, open, refused, openSockets: () => app.websocketServer.clients.size }

  function start (user: string, http: Version): WebSocket {
    const headers = { authorization: `Bearer secret-of-${user}` }
    const socket = connect(`${origin.replace('http', 'ws')}/chat`, { http, headers, rejectUnauthorized: false })
    t.teardown(() => socket.terminate())
    return socket
  }

  async function open (user: string, http: Version): Promise<WebSocket> {
    const socket = start(user, http)
    await once(socket, 'open')
    return socket
  }

  async function refused (user: string, http: Version): ReturnType<Limited['refused']> {
    const socket = start(user, http)
    socket.on('error', () => {})
    const [request, response] = await once(socket, 'unexpected-response')
    request.destroy()
    return { status: response.statusCode, headers: response.headers }
  }
}
