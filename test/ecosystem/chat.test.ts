/** The server of examples/chat, with @fastify/cookie. Its page is tested in test/browser. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { FastifyPluginAsync } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from '../../lib/client/index.ts'
import { TRANSPORTS } from '../helpers/beside.ts'
import { H1, start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, waitUntil } from '../helpers/waiting.ts'

interface ChatMessage {
  type: 'welcome' | 'message' | 'joined' | 'left'
  id?: string
  name?: string
  text?: string
  people?: string[]
  history?: ChatMessage[]
}

interface Member {
  socket: WebSocket
  received: ChatMessage[]
  say (text: string, id?: string): void
  /** Waits until a number of messages have been received. Returns the last one. */
  until (count: number): Promise<ChatMessage>
}

// A variable path: the examples are JavaScript without types.
const { chat } = await import(String(new URL('../../examples/chat/chat.js', import.meta.url))) as
  { chat: FastifyPluginAsync<{ secret: string }> }

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: a signed cookie opens sockets, and an onRequest hook refuses others with 401`, async (t) => {
    const fixture = await startChat(t, transport)
    t.equal((await fixture.refused('/rooms/tea')).status, 401)
    t.equal((await fixture.refused('/rooms/tea', { headers: { cookie: '__Host-name=Ada.AAAA' } })).status, 401)
    const headers = { cookie: await logIn(fixture, 'Ada') }
    t.equal((await fixture.refused('/rooms/no%20room', { headers })).status, 400)
    const { until } = await join(fixture, 'tea', 'Ada')
    t.match(await until(1), { type: 'welcome', people: ['Ada'], history: [] })
  })

  void t.test(`${transport.name}: messages reach the sockets of a room, the sender included`, async (t) => {
    const fixture = await startChat(t, transport)
    const ada = await join(fixture, 'tea', 'Ada')
    const grace = await join(fixture, 'tea', 'Grace')
    const other = await join(fixture, 'coffee', 'Ada')
    t.match(await ada.until(2), { type: 'joined', name: 'Grace' })
    t.match(await grace.until(1), { type: 'welcome', people: ['Ada', 'Grace'] })
    const id = randomUUID()
    ada.say('hello', id)
    t.match(await ada.until(3), { type: 'message', id, name: 'Ada', text: 'hello' })
    t.match(await grace.until(2), { type: 'message', id, name: 'Ada', text: 'hello' })
    grace.socket.close(1000)
    t.match(await ada.until(4), { type: 'left', name: 'Grace' })
    other.say('alone')
    t.match(await other.until(2), { type: 'message', text: 'alone' })
  })

  void t.test(`${transport.name}: a socket that sends something else is closed with 1007, and after too much with 1008`, async (t) => {
    const fixture = await startChat(t, transport)
    const valid = { id: randomUUID(), text: 'x' }
    const invalid = ['', 'null', '[]', '{}', JSON.stringify({ ...valid, id: 1 }), JSON.stringify({ ...valid, text: ' ' }),
      JSON.stringify({ ...valid, text: 'x'.repeat(501) }), Buffer.from(JSON.stringify(valid))]
    for (const data of invalid) {
      const { socket } = await join(fixture, 'tea', 'Ada')
      socket.send(data)
      t.equal((await closed(socket)).code, 1007, String(data).slice(0, 80))
    }
    const { socket, say, received } = await join(fixture, 'tea', 'Ada')
    for (let sent = 0; sent < 50; sent++) say('x')
    t.equal((await closed(socket)).code, 1008)
    t.ok(received.length < 50)
  })
}

void t.test('a room has the last 50 messages, and is forgotten after 100 others if it is empty', async (t) => {
  const fixture = await startChat(t, H1)
  for (let round = 0; round < 3; round++) {
    const ada = await join(fixture, 'tea', 'Ada')
    for (let sent = 0; sent < 20; sent++) ada.say(`${round}-${sent}`)
    await ada.until(21)
    ada.socket.close()
    await once(ada.socket, 'close')
  }
  const texts = async (): Promise<unknown> => {
    const member = await join(fixture, 'tea', 'Ada')
    const { history } = await member.until(1)
    member.socket.close()
    await once(member.socket, 'close')
    return history!.map(({ text }) => text)
  }
  const expected = [0, 1, 2].flatMap((round) => Array.from({ length: 20 }, (_, sent) => `${round}-${sent}`)).slice(10)
  t.same(await texts(), expected)
  const { socket: last } = await join(fixture, 'tea', 'Grace')
  await visitOthers()
  t.same(await texts(), expected, 'it has people')
  last.close()
  await once(last, 'close')
  await visitOthers()
  t.same(await texts(), [])

  async function visitOthers (): Promise<void> {
    for (let room = 0; room < 100; room++) {
      const { socket } = await join(fixture, `room-${room}`, 'Ada')
      socket.close()
      await once(socket, 'close')
    }
  }
})

void t.test('a name has letters and digits, and at most 24 characters', async (t) => {
  const { app } = await startChat(t, H1)
  for (const name of ['Ada', 'Grace Hopper', 'Ödön', '张伟', "O'Neil", 'x'.repeat(24)]) {
    t.equal((await app.inject({ method: 'POST', url: '/login', payload: { name } })).statusCode, 200, name)
  }
  for (const name of ['', ' ', 'Ada ', 'a  b', '<b>', 'a\u202eb', 'a\nb', 'x'.repeat(25)]) {
    t.equal((await app.inject({ method: 'POST', url: '/login', payload: { name } })).statusCode, 400, name)
  }
})

function startChat (t: Test, transport: Transport): Promise<Fixture> {
  return start(t, transport, (app) => app.register(chat, { secret: 'x'.repeat(32) }), { options: { maxPayload: 4096 } })
}

/** Returns the cookie of a login. */
async function logIn ({ app }: Fixture, name: string): Promise<string> {
  const response = await app.inject({ method: 'POST', url: '/login', payload: { name } })
  return String(response.headers['set-cookie']).split(';')[0]!
}

/** Opens a socket, and waits for the server's welcome. */
async function join (fixture: Fixture, room: string, name: string): Promise<Member> {
  const socket = fixture.connect(`/rooms/${room}`, { headers: { cookie: await logIn(fixture, name) } })
  const received: ChatMessage[] = []
  socket.on('message', (data) => received.push(JSON.parse(String(data))))
  const until = async (count: number): Promise<ChatMessage> => {
    await waitUntil(() => received.length >= count, `${count} messages`)
    return received[count - 1]!
  }
  await until(1)
  return { socket, received, until, say: (text, id = randomUUID()) => socket.send(JSON.stringify({ id, text })) }
}
