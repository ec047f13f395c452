/** The modules of examples/recipes/reconnecting-page, in Node.js. test/browser runs its page. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket as UndiciWebSocket } from 'undici'
import type { WebSocket as ClientSocket } from '../../lib/client/index.ts'
import { read } from '../docs/pages.ts'
import { createNetworkPath } from '../helpers/network-path.ts'
import type { NetworkPath } from '../helpers/network-path.ts'
import { startRecipe } from '../helpers/recipes.ts'
import { H1, start } from '../helpers/transports.ts'
import { nextText, waitTurns, waitUntil } from '../helpers/waiting.ts'

type State = 'open' | 'waiting' | 'login' | 'closed'
interface Observer { onMessage (data: string): void, onState (state: State): void }
interface Room { pending: Map<string, string>, post (text: string): string, receive (message: object): void }

interface Modules {
  Room: new (send: (data: string) => void, onMessage: (message: { id: string, text: string }) => void) => Room
  reconnect (getUrl: () => URL, observer: Observer): (data: string) => void
}

const SOURCE = read('examples/recipes/reconnecting-page/page/reconnecting-socket.js')
const ROOM = read('examples/chat/page/room.js')
const WebSocket: unknown = Reflect.get(globalThis, 'WebSocket') ?? UndiciWebSocket

/** What script.js of the recipe makes of its modules, without the elements of the page. */
class Page {
  static #count = 0
  readonly texts: string[] = []
  readonly states: State[] = []
  /** Delays before an attempt, in ms. They are over immediately, unless `isSlow` is set. */
  readonly delays: number[] = []
  /** Number of delays that are over, and of attempts. */
  over = 0
  attempts = 0
  readonly document = Object.assign(new EventTarget(), { hidden: false })
  readonly navigator = { onLine: true }
  readonly window = new EventTarget()
  room!: Room
  random = Math.random
  isSlow = false
  #t: Test
  #last = ''
  #isEnded = false

  static async open (t: Test, url: string, options: { random?: () => number, isSlow?: boolean } = {}): Promise<Page> {
    const page = Object.assign(new Page(t), options)
    const { Room, reconnect } = await page.#load()
    page.room = new Room((data) => send(data), ({ id, text }) => {
      page.#last = id
      page.texts.push(text)
    })
    const send = reconnect(() => new URL(`${url}?after=${page.#last}`), {
      onMessage: (data) => page.room.receive(JSON.parse(data)),
      onState: (state) => page.states.push(state)
    })
    t.teardown(() => page.end())
    return page
  }

  private constructor (t: Test) {
    this.#t = t
  }

  async until (state: State, count = 1): Promise<void> {
    await waitUntil(() => this.states.filter((each) => each === state).length >= count, `${count} times ${state}`)
  }

  async receives (...texts: string[]): Promise<void> {
    await waitUntil(() => this.texts.length >= texts.length, texts.join())
    this.#t.same(this.texts, texts)
  }

  setOnline (isOnline: boolean): void {
    this.navigator.onLine = isOnline
    this.window.dispatchEvent(new Event(isOnline ? 'online' : 'offline'))
  }

  setHidden (isHidden: boolean): void {
    this.document.hidden = isHidden
    this.document.dispatchEvent(new Event('visibilitychange'))
  }

  /** Makes the next attempt the last one. */
  end (): void {
    Object.assign(this, { isSlow: false, random: () => 0 })
    this.#isEnded = true
    this.setOnline(true)
    this.setHidden(false)
  }

  /** Imports the modules, which see the globals of a page. */
  async #load (): Promise<Modules> {
    const name = `page${Page.#count++}`
    const scope = {
      document: this.document,
      navigator: this.navigator,
      WebSocket,
      addEventListener: this.window.addEventListener.bind(this.window),
      fetch: async (url: URL, init: RequestInit) => {
        this.attempts++
        return this.#isEnded ? { status: 401 } : await fetch(url, init)
      },
      Math: { min: Math.min, random: () => this.random() },
      setTimeout: (callback: () => void, delay: number) => {
        this.delays.push(delay)
        return setTimeout(() => {
          this.over++
          callback()
        }, this.isSlow ? delay : 0)
      }
    }
    Reflect.set(globalThis, name, scope)
    const code = `const { ${Object.keys(scope).join(', ')} } = globalThis.${name}\n${SOURCE}\n${ROOM}`
    return await import(`data:text/javascript,${encodeURIComponent(code)}`) as Modules
  }
}

void t.test('a page whose connection was lost receives what it has missed, once and in order', async (t) => {
  const { path, url, member } = await startLog(t)
  const page = await Page.open(t, url)
  await page.until('open')
  for (const text of ['1', '2']) member.room.post(text)
  await page.receives('1', '2')

  await path.stop()
  await page.until('waiting')
  for (const text of ['3', '4']) member.room.post(text)
  await member.receives('1', '2', '3', '4')
  await path.start()
  await page.until('open', 2)
  await page.receives('1', '2', '3', '4')
  member.room.post('5')
  await page.receives('1', '2', '3', '4', '5')
})

void t.test('a message that was lost, or written while there is no socket, is sent once when there is one', async (t) => {
  const { path, url, member } = await startLog(t)
  const page = await Page.open(t, url)
  await page.until('open')
  path.silence()
  page.room.post('lost')
  await path.stop()
  await page.until('waiting')
  page.room.post('written offline')
  path.restore()
  await path.start()
  await member.receives('lost', 'written offline')
  await page.receives('lost', 'written offline')
  t.equal(page.room.pending.size, 0)
})

void t.test('a message whose acknowledgement was lost is not sent again', async (t) => {
  const { app, path, url, member } = await startLog(t)
  const page = await Page.open(t, url)
  await page.until('open')
  const received: string[] = []
  app.websocketServer.on('connection', (socket) => socket.on('message', (data) => received.push(String(data))))
  // Of the two sockets of the server, the second one is that of the page.
  const [, socket] = app.websocketServer.clients
  socket!.send = () => {}
  page.room.post('once')
  await member.receives('once')
  t.equal(page.room.pending.size, 1)

  path.reset()
  await page.until('open', 2)
  await page.receives('once')
  member.room.post('twice')
  await page.receives('once', 'twice')
  t.same(received, [], 'the page has sent nothing on its second socket')
  await member.receives('once', 'twice')
})

void t.test('the server logs a message that it receives twice once, and closes a socket that sends something else with 1008', async (t) => {
  const { open } = await startRecipe(t, 'reconnecting-page/server', H1)
  const [sender, reader] = [await open('/messages'), await open('/messages')]
  const texts: string[] = []
  reader.on('message', (data) => {
    const { type, text } = JSON.parse(String(data)) as { type: string, text: string }
    if (type === 'message') texts.push(text)
  })
  const [first, second] = ['first', 'second'].map((text) => JSON.stringify({ id: randomUUID(), text }))
  for (const data of [first, first, second, first]) sender.send(data!)
  await waitUntil(() => texts.length === 2, 'both messages')
  const next = await open('/messages')
  t.same(await welcomeOf(next), ['first', 'second'])
  t.same(texts, ['first', 'second'])
  next.send('{"text":"without id"}')
  next.send(JSON.stringify({ id: randomUUID(), text: 'after the Close frame' }))
  t.equal((await once(next, 'close'))[0], 1008)
  t.same(await welcomeOf(await open('/messages')), ['first', 'second'])
})

for (const code of [1001, 1005, 1006, 1011, 1012, 1013]) {
  void t.test(`a page whose socket is closed with ${code} opens another one`, async (t) => {
    const { url, opened } = await startClosing(t, code)
    const page = await Page.open(t, url)
    for (let count = 1; count < 3; count++) {
      await page.until('open', count)
      page.room.post('close')
    }
    await page.until('open', 3)
    t.same(page.states.slice(0, 5), ['open', 'waiting', 'open', 'waiting', 'open'])
    t.ok(opened() >= 3)
  })
}

for (const code of [1000, 1003, 1007, 1008, 1009, 4000, 4001]) {
  const state = code === 4001 ? 'login' : 'closed'
  void t.test(`a page whose socket is closed with ${code} opens no other one, and its state is "${state}"`, async (t) => {
    const { url, opened } = await startClosing(t, code)
    const page = await Page.open(t, url)
    await page.until('open')
    page.room.post('close')
    await page.until(state)
    page.setOnline(true)
    await waitTurns(20)
    t.same(page.states, ['open', state])
    t.equal(opened(), 1)
  })
}

void t.test('a page that is refused with 401 opens no socket, and its state is "login"', async (t) => {
  const { app, origin } = await start(t, H1, (app) => {
    app.route({
      method: 'GET',
      url: '/messages',
      onRequest: async (_request, reply) => reply.code(401).send(),
      handler: () => {},
      wsHandler: () => {}
    })
  })
  const page = await Page.open(t, `${origin}/messages`)
  await page.until('login')
  await waitTurns(20)
  t.same(page.states, ['login'])
  t.same(app.websocketServer.stats().handshakes.refused.reply, 0)
})

void t.test('the delay is random, below a limit that doubles up to 30 s, and begins again at 0.5 s after a message', async (t) => {
  const { path, url } = await startLog(t)
  await path.stop()
  const page = await Page.open(t, url, { random: () => 0.9 })
  await waitUntil(() => page.delays.length >= 9)
  t.same(page.delays.slice(0, 9), [450, 900, 1800, 3600, 7200, 14_400, 27_000, 27_000, 27_000])
  page.random = () => 0.1
  const count = page.delays.length
  await waitUntil(() => page.delays.length > count)
  t.equal(page.delays.at(-1), 3000)

  await path.start()
  await page.until('open')
  const before = page.delays.length
  path.reset()
  await waitUntil(() => page.delays.length > before)
  t.equal(page.delays[before], 50)
})

const PAUSES: Array<[string, (page: Page, isPaused: boolean) => void]> = [
  ['offline', (page, isPaused) => page.setOnline(!isPaused)],
  ['hidden', (page, isPaused) => page.setHidden(isPaused)]
]

for (const [name, pause] of PAUSES) {
  void t.test(`a page that is ${name} keeps its socket, and replaces a lost one when it no longer is`, async (t) => {
    const { path, url, member } = await startLog(t)
    const page = await Page.open(t, url)
    await page.until('open')
    pause(page, true)
    member.room.post('1')
    await page.receives('1')
    path.reset()
    await page.until('waiting')
    await waitUntil(() => page.over === 1, 'the delay is over')
    await waitTurns(5)
    t.equal(page.attempts, 1)
    pause(page, false)
    await page.until('open', 2)
  })

  void t.test(`a page that waits for its next attempt makes it when it is no longer ${name}`, async (t) => {
    const { path, url } = await startLog(t)
    const page = await Page.open(t, url, { isSlow: true, random: () => 1000 })
    await page.until('open')
    path.reset()
    await page.until('waiting')
    pause(page, true)
    pause(page, false)
    await page.until('open', 2)
  })
}

/** Starts the server of the recipe, with a page that is connected to it, and a network path for another one. */
async function startLog (t: Test): Promise<{ app: FastifyInstance, path: NetworkPath, url: string, member: Page }> {
  const { app, origin } = await startRecipe(t, 'reconnecting-page/server', H1)
  const path = await createNetworkPath(t, (app.server.address() as AddressInfo).port)
  const member = await Page.open(t, `${origin}/messages`)
  await member.until('open')
  return { app, path, member, url: `http://127.0.0.1:${path.port}/messages` }
}

/** Starts a server that closes each socket after its welcome. 1005 closes it without a code, and 1006 terminates it. */
async function startClosing (t: Test, code: number): Promise<{ url: string, opened (): number }> {
  const { app, origin } = await start(t, H1, (app) => {
    app.route({
      method: 'GET',
      url: '/messages',
      handler: (_request, reply) => reply.code(204).send(),
      wsHandler (socket) {
        socket.on('message', () => {
          if (code === 1006) socket.terminate()
          else if (code === 1005) socket.close()
          else socket.close(code)
        })
        socket.send('{"type":"welcome","history":[]}')
      }
    })
  })
  return { url: `${origin}/messages`, opened: () => app.websocketServer.stats().sockets.opened }
}

/** Waits for the welcome of a socket. Returns the texts of its history. */
async function welcomeOf (socket: ClientSocket): Promise<string[]> {
  const { history } = JSON.parse(await nextText(socket)) as { history: Array<{ text: string }> }
  return history.map(({ text }) => text)
}
