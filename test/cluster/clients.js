import { EventEmitter, once } from 'node:events'
import { request } from 'node:https'
import { connect } from 'fastify-websocket-h2/client'
import { Room } from '../../examples/cluster/page/room.js'
import { recordConsole } from '../browser/pages.js'

/** In ms. Ten times what a busy machine needs. */
const TIME_LIMIT = 30_000
/** In ms, between two messages of a client. */
const INTERVAL = 200

/** Emits 'change' whenever a client has received something. */
const changes = new EventEmitter().setMaxListeners(0)

/** Waits until a condition holds, which is checked whenever a client has received something. */
export async function until (title, holds) {
  const signal = AbortSignal.timeout(TIME_LIMIT)
  while (!await holds()) {
    await once(changes, 'change', { signal }).catch(() => { throw new Error(`${title}: not within ${TIME_LIMIT} ms. ${holds}`) })
  }
}

/** Logs in. Returns the cookie. */
export async function logIn (url, name) {
  const headers = { 'content-type': 'application/json' }
  const login = request(`${url}/login`, { method: 'POST', headers, rejectUnauthorized: false })
  login.end(JSON.stringify({ name }))
  const [response] = await once(login, 'response')
  response.resume()
  return response.headers['set-cookie'][0].split(';')[0]
}

/** A client of Node.js, which reconnects. */
export class Client {
  /** Texts and ids of the messages of the log, in the order in which they were shown. */
  texts = []
  ids = []
  /** Ids of messages that could not be logged. */
  unlogged = new Set()
  /** Names of the nodes that it was connected to. */
  nodes = []
  /** Ends of connections. */
  ends = []
  /** Ids of its messages that were acknowledged. */
  acknowledged = []
  #socket
  #isSending = false

  constructor (url, cookie, room) {
    this.#socket = connect(`${url.replace('https', 'wss')}/rooms/${room}`, {
      rejectUnauthorized: false, headers: { cookie }, reconnect: { minDelay: 50, maxDelay: 500 }
    })
    this.room = new Room((data) => this.#socket.send(data, () => {}), (message) => this.#show(message))
    this.#socket.on('message', (data) => this.#receive(JSON.parse(data)))
    this.#socket.on('reconnecting', (end) => { this.ends.push(end) })
    this.#socket.on('error', (error) => { this.error = error })
  }

  get node () {
    return this.nodes.at(-1)
  }

  /** Sends a message whenever its last one was acknowledged, until stopSending() is called. */
  startSending (name) {
    this.#isSending = true
    let count = 0
    const send = () => { if (this.#isSending) this.room.post(`${name}.${count++}`) }
    this.onAcknowledged = () => setTimeout(send, INTERVAL)
    send()
  }

  stopSending () {
    this.#isSending = false
    this.onAcknowledged = undefined
  }

  close () {
    this.room.close()
    this.#socket.close(1000)
  }

  #receive (received) {
    if (received.type === 'welcome') this.nodes.push(received.node)
    const isAcknowledged = received.type === 'acknowledged' && this.room.pending.has(received.id)
    this.room.receive(received)
    if (isAcknowledged) {
      this.acknowledged.push(received.id)
      this.onAcknowledged?.()
    }
    changes.emit('change')
  }

  #show (message) {
    if (message.number === undefined) return this.unlogged.add(message.id)
    this.texts.push(message.text)
    this.ids.push(message.id)
  }
}

/** The page of the example. */
export class Tab {
  /** Texts of the messages of the log, in the order in which they were shown. */
  texts = []
  nodes = []

  static async open (browser, url, room, name) {
    const tab = new Tab()
    tab.page = await browser.newPage()
    tab.errors = recordConsole(tab.page)
    await tab.page.exposeFunction('report', ({ texts, nodes }) => {
      tab.texts.push(...texts)
      tab.nodes.push(...nodes)
      changes.emit('change')
    })
    await tab.page.addInitScript(observe)
    await tab.page.goto(`${url}/?room=${room}`)
    await tab.page.getByRole('textbox', { name: 'Name' }).fill(name)
    await tab.page.getByRole('button', { name: 'Enter' }).click()
    await until('the page is connected', () => tab.nodes.length > 0)
    return tab
  }

  get node () {
    return this.nodes.at(-1)
  }

  async post (text) {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text)
    await this.page.getByRole('button', { name: 'Send' }).click()
  }
}

/** Reports the lines of the log, and the nodes. This runs in the page. */
function observe () {
  /* global document, MutationObserver, report */
  const texts = []
  const nodes = []
  let timer

  document.addEventListener('DOMContentLoaded', () => {
    new MutationObserver((records) => {
      for (const { target, addedNodes } of records) {
        if (target.id === 'log') texts.push(...[...addedNodes].filter(isLogged).map((line) => line.querySelector('.text').textContent))
        const [, node] = (target.id === 'state' && /Connected to (\w+)/.exec(target.textContent)) || []
        if (node !== undefined) nodes.push(node)
      }
      // Each report is several messages between the processes.
      timer ??= setTimeout(reportAll, 20)
    }).observe(document.body, { childList: true, subtree: true })
  })

  function isLogged (line) {
    return line.dataset.time !== undefined
  }

  function reportAll () {
    timer = undefined
    report({ texts: texts.splice(0), nodes: nodes.splice(0) })
  }
}
