/* global document, location */
import { reconnect } from './reconnecting-socket.js'
import { Room } from './room.js'

const TEXTS = {
  open: 'Connected',
  waiting: 'Connection lost. Trying again…',
  login: 'Your login has expired: log in again.',
  closed: 'Closed by the server. Reload the page to try again.'
}
const elements = Object.fromEntries([...document.querySelectorAll('[id]')].map((element) => [element.id, element]))
const { form, log, message, state } = elements
const url = new URL('messages', location.href)

// It sends each message until the server has sent it back.
const room = new Room((data) => send(data), ({ id, text }) => {
  url.searchParams.set('after', id)
  const line = document.createElement('li')
  line.textContent = text
  log.append(line)
})

const send = reconnect(() => url, {
  onMessage: (data) => room.receive(JSON.parse(data)),
  onState (value) {
    state.dataset.state = value
    state.textContent = TEXTS[value]
  }
})

form.addEventListener('submit', (event) => {
  event.preventDefault()
  room.post(message.value)
  message.value = ''
})
