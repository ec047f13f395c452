/* global WebSocket */
/** Opens sockets to one of the servers, and measures them. */

const TIMEOUT = 60_000

// Chromium delays a socket by up to 5 s if many others of the page are being opened: by at most 10 ms if 7 are.
const MOST_OPENING = 8

/** The sockets of one transport. */
export class Sockets {
  #url
  #sockets = []
  #opening = 0
  /** HTTP version of the sockets, as the server reports it: browsers do not expose it to pages. */
  httpVersion

  constructor (origin) {
    this.#url = origin.replace(/^http/, 'ws')
  }

  get count () {
    return this.#sockets.length
  }

  /** Opens sockets at the same time. Resolves to the times, in ms, after which each was open, in order. */
  async open (count, onOpen = () => {}) {
    const start = performance.now()
    const times = []
    const openNext = async () => {
      if (this.#opening >= count) return
      this.#opening++
      const { socket, first } = await openSocket(`${this.#url}/echo`)
      times.push(performance.now() - start)
      this.httpVersion = JSON.parse(first).httpVersion
      this.#sockets.push(socket)
      onOpen(times)
      return openNext()
    }
    await Promise.all(Array.from({ length: MOST_OPENING }, openNext))
    return times
  }

  /** Opens one more socket, of another route. */
  async openOne (path) {
    const { socket } = await openSocket(this.#url + path, false)
    return socket
  }

  /**
   * Lets each socket send a message of 64 bytes, and the next one when it has come back, for a duration in ms. Resolves to
   * the round-trip times in ms, and the time that it took.
   */
  async echo (duration) {
    const message = 'x'.repeat(64)
    const samples = []
    const start = performance.now()
    await Promise.all(this.#sockets.map((socket) => new Promise((resolve, reject) => {
      let sentAt
      const send = () => {
        sentAt = performance.now()
        socket.send(message)
      }
      socket.onclose = ({ code }) => reject(new Error(`A socket was closed with code ${code}`))
      socket.onmessage = () => {
        const now = performance.now()
        samples.push(now - sentAt)
        if (now - start < duration) send()
        else resolve()
      }
      send()
    })))
    return { samples, duration: performance.now() - start }
  }

  async close () {
    const sockets = this.#sockets
    this.#sockets = []
    await Promise.all(sockets.map(closeSocket))
  }
}

/** Resolves to a socket and its first message, or without a message for a route that sends none. */
function openSocket (url, hasGreeting = true) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.binaryType = 'arraybuffer'
    const timer = setTimeout(() => socket.close(), TIMEOUT)
    socket.onclose = ({ code }) => {
      clearTimeout(timer)
      reject(new Error(`A socket did not open: code ${code}`))
    }
    const onOpen = ({ data }) => {
      clearTimeout(timer)
      socket.onclose = socket.onmessage = socket.onopen = null
      resolve({ socket, first: data })
    }
    if (hasGreeting) socket.onmessage = onOpen
    else socket.onopen = onOpen
  })
}

/** Closes a socket, and resolves when it is closed. */
export function closeSocket (socket) {
  return new Promise((resolve) => {
    if (socket.readyState === WebSocket.CLOSED) return resolve()
    socket.onclose = () => resolve()
    socket.close(1000)
  })
}
