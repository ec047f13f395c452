/* global document, location, WebSocket */

const MAX_LINES = 200

const HINTS = {
  'HTTP/2': 'This socket is a stream of the HTTP/2 connection that loaded this page.',
  'HTTP/1.1': 'This socket has a connection of its own, opened with an HTTP/1.1 Upgrade.'
}

const elements = Object.fromEntries([...document.querySelectorAll('[id]')].map((element) => [element.id, element]))
const { form, log, message, send, state, toggle, version, hint } = elements
const firstHint = hint.textContent
const pending = []
let socket

toggle.addEventListener('click', () => {
  if (socket === undefined) open()
  else close()
})

form.addEventListener('submit', (event) => {
  event.preventDefault()
  sendMessage(message.value)
  message.value = ''
  message.focus()
})

function open () {
  socket = new WebSocket(new URL('/echo', location.href.replace(/^http/, 'ws')))
  socket.addEventListener('message', readVersion, { once: true })
  socket.addEventListener('close', onClose)
  elements['close-code'].textContent = '–'
  show('opening', 'Opening…', 'Close socket')
}

function close () {
  show('closing', 'Closing…', 'Close socket')
  socket.close(1000)
}

function sendMessage (text) {
  addLine('sent', 'You', text)
  pending.push(performance.now())
  socket.send(text)
}

/** Shows the HTTP version, which the server sends in its first message: browsers do not expose it to pages. */
function readVersion ({ data }) {
  const { httpVersion } = JSON.parse(data)
  const name = `HTTP/${httpVersion.replace(/\.0$/, '')}`
  version.textContent = name
  version.dataset.version = name
  hint.textContent = HINTS[name] ?? ''
  socket.addEventListener('message', onEcho)
  show('open', 'Open', 'Close socket')
  addLine('note', 'Open', `over ${name}`)
  message.focus()
}

function onEcho ({ data }) {
  const roundTrip = `${(performance.now() - pending.shift()).toFixed(1)} ms`
  elements['round-trip'].textContent = roundTrip
  addLine('echo', 'Echo', data, roundTrip)
}

function onClose ({ code, reason, wasClean }) {
  const how = wasClean ? 'clean' : 'the connection was lost, or never opened'
  elements['close-code'].textContent = String(code)
  addLine('note', 'Closed', `with code ${code}${reason && `, "${reason}"`}: ${how}`)
  version.textContent = '–'
  delete version.dataset.version
  hint.textContent = firstHint
  pending.length = 0
  socket = undefined
  show('closed', 'Closed', 'Open socket')
}

function show (name, text, action) {
  state.dataset.state = name
  state.textContent = text
  toggle.textContent = action
  toggle.disabled = name === 'closing'
  send.disabled = name !== 'open'
}

function addLine (kind, who, text, aside = '') {
  const line = document.createElement('li')
  line.className = kind
  line.append(span('who', who), ' ', span('text', text), ' ', span('aside', aside))
  log.append(line)
  while (log.childElementCount > MAX_LINES) log.firstElementChild.remove()
  log.scrollTop = log.scrollHeight
}

function span (className, text) {
  const element = document.createElement('span')
  element.className = className
  element.textContent = text
  return element
}
