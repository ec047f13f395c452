/* global document, location, WebSocket */
import { Room } from './room.js'

const MAX_LINES = 200
const MAX_PENDING = 20
const MAX_DELAY = 10_000
const REQUEST_TIMEOUT = 10_000

// The server closes a socket with these codes because of what it has received: a new socket would end in the same way.
const FINAL_CODES = [1003, 1007, 1008, 1009]

const elements = Object.fromEntries([...document.querySelectorAll('[id]')].map((element) => [element.id, element]))
const { form, log, message, name, state, version } = elements
const requested = new URLSearchParams(location.search).get('room')
const topic = /^[a-z0-9-]{1,24}$/.test(requested) ? requested : 'lobby'
// Without an open socket, a message is sent after the next welcome.
const room = new Room((data) => { if (state.dataset.state === 'open') socket.send(data) }, addLine)
/** Lines of the log, by the id of the message. */
const lines = new Map()
const people = new Set()
let me
let socket
let attempts = 0

/** What messages from the server change, except for the log. */
const HANDLERS = {
  welcome (welcome) {
    attempts = 0
    version.textContent = version.dataset.version = `HTTP/${welcome.httpVersion}`
    // Only examples/cluster has nodes, and does not know all people in a room.
    show('open', welcome.node === undefined ? 'Connected' : `Connected to ${welcome.node}`)
    people.clear()
    for (const each of welcome.people ?? []) HANDLERS.joined({ name: each })
  },
  joined ({ name }) {
    people.add(name)
    elements.people.textContent = `Here: ${[...people].sort().join(', ')}`
  },
  left ({ name }) {
    people.delete(name)
    elements.people.textContent = `Here: ${[...people].sort().join(', ')}`
  }
}

async function connect () {
  try {
    // A browser does not show why a socket is refused, so the page asks for its login first. This request also opens an
    // HTTP/2 connection, without which Chromium would open the socket over HTTP/1.1.
    const response = await fetch('login', { signal: AbortSignal.timeout(REQUEST_TIMEOUT) })
    if (!response.ok) throw new Error(`status ${response.status}`)
    me = (await response.json()).name
  } catch {
    return reconnect()
  }
  if (me === null) return askForName()
  show('opening', 'Connecting…')
  socket = new WebSocket(new URL(`rooms/${topic}`, location.href.replace(/^http/, 'ws')))
  socket.addEventListener('message', ({ data }) => {
    const received = JSON.parse(data)
    HANDLERS[received.type]?.(received)
    room.receive(received)
  })
  socket.addEventListener('close', ({ code, reason }) => {
    version.textContent = ''
    if (FINAL_CODES.includes(code)) show('closed', `Closed: ${reason || code}. Reload the page to connect again.`)
    else reconnect()
  })
}

/** Connects after a random time, so that the clients of a server that restarts do not return at the same moment. */
function reconnect () {
  show('opening', 'Reconnecting…')
  setTimeout(connect, Math.random() * Math.min(MAX_DELAY, 500 * 2 ** attempts++))
}

function askForName () {
  elements.chat.hidden = true
  elements.login.hidden = false
  name.value = me ?? ''
  name.focus()
}

elements.rename.addEventListener('click', askForName)

elements['login-form'].addEventListener('submit', async (event) => {
  event.preventDefault()
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ name: name.value.trim() })
  const response = await fetch('login', { method: 'POST', headers, body }).catch(() => undefined)
  if (!response?.ok) {
    elements['login-error'].textContent = response?.status === 400
      ? 'Use letters and digits, with single separators.'
      : 'The server cannot be reached. Try again.'
    return
  }
  // A socket keeps the name that it was opened with.
  if (me !== null) return location.reload()
  elements.login.hidden = true
  await connect()
})

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const text = message.value.trim()
  const tooMany = room.pending.size >= MAX_PENDING
  elements['form-error'].textContent = tooMany ? 'Too many messages wait to be sent.' : ''
  if (tooMany || text === '') return
  addLine({ id: room.post(text), name: me, text })
  message.value = ''
})

function show (value, text) {
  state.dataset.state = value
  state.textContent = text
  elements.chat.hidden = !elements.login.hidden
  elements.send.disabled = value === 'closed' || me === undefined
}

/** Adds the line of a message, or moves it to the end once the server has acknowledged it. */
function addLine ({ id, name, text, time }) {
  const line = lines.get(id) ?? document.createElement('li')
  if (line.dataset.time !== undefined) return
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 50
  if (time !== undefined) line.dataset.time = time
  line.className = name === me ? 'own' : 'other'
  const aside = time === undefined ? 'not sent yet' : new Date(time).toLocaleTimeString([], { timeStyle: 'short' })
  line.replaceChildren(span('who', name), ' ', span('text', text), ' ', span('aside', aside))
  lines.set(id, line)
  log.append(line)
  if (isAtEnd) log.scrollTop = log.scrollHeight
  if (lines.size <= MAX_LINES) return
  const [[oldest]] = lines
  lines.get(oldest).remove()
  lines.delete(oldest)
}

function span (className, text) {
  const element = document.createElement('span')
  element.className = className
  element.textContent = text
  return element
}

elements.room.textContent = topic
document.title = `${topic}: chat over WebSocket`
for (const link of document.querySelectorAll('nav a')) {
  if (link.search === `?room=${topic}`) link.ariaCurrent = 'page'
}
await connect()
