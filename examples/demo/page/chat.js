/* global document, location */
/** A chat of all tabs that have this page open: a topic to which each socket subscribes. */
import { openSocket } from './open-socket.js'

const MAX_LINES = 100
const RETRY = 5000

const form = document.querySelector('#chat-form')
const input = document.querySelector('#chat-message')
const send = document.querySelector('#send')
const log = document.querySelector('#log')
let socket

/** Opens the socket of the chat, again when it closes. `onOpen` receives its HTTP version. */
export async function openChat (onOpen) {
  try {
    socket = await openSocket(`${location.origin}/chat`)
    socket.onmessage = ({ data }) => addLine(JSON.parse(data).text)
    socket.onclose = () => retry(onOpen)
    send.disabled = false
    onOpen(JSON.parse(socket.greeting).httpVersion)
  } catch {
    retry(onOpen)
  }
}

function retry (onOpen) {
  send.disabled = true
  setTimeout(openChat, RETRY, onOpen)
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  if (send.disabled) return
  socket.send(input.value)
  input.value = ''
  input.focus()
})

function addLine (text) {
  const line = document.createElement('div')
  line.className = 'text'
  line.textContent = text
  log.append(line)
  while (log.childElementCount > MAX_LINES) log.firstElementChild.remove()
  log.scrollTop = log.scrollHeight
}
