/** Sockets of one transport: opens them, measures them, and closes them. */
import { SocketError, closeSocket, openSocket } from './open-socket.js'

// Chromium delays a socket by up to 5 s if many others of the page are being opened: by at most 10 ms if 7 are.
const MOST_OPENING = 8

const MESSAGE = 'x'.repeat(64)

const MOST_SOCKETS = 'Firefox has at most 200 sockets open, and Chromium 255: try fewer, or close other tabs.'

export class Sockets {
  #origin
  #page
  #onLost
  #sockets = new Set()
  #isClosing = false
  /** HTTP version of the sockets, as the server reports it: browsers do not expose it to pages. */
  httpVersion

  /** `page` is the identifier of this page. `onLost` is called with the error of an open socket that was closed. */
  constructor (origin, page, onLost) {
    this.#origin = origin
    this.#page = page
    this.#onLost = onLost
  }

  get count () {
    return this.#sockets.size
  }

  /** Opens sockets. Resolves to the times, in ms, after which each was open; `onOpen` receives them so far. */
  async open (count, onOpen, signal) {
    const start = performance.now()
    const times = []
    let opening = 0
    const openNext = async () => {
      while (opening < count) {
        opening++
        const socket = await this.#openNext(times.length, signal)
        times.push(performance.now() - start)
        this.httpVersion = JSON.parse(socket.greeting).httpVersion
        this.#add(socket)
        onOpen(times)
      }
    }
    await Promise.all(Array.from({ length: MOST_OPENING }, openNext))
    return times
  }

  /** Opens one more socket, of another route that sends nothing first. */
  openOne (path, signal) {
    return openSocket(this.#origin + path, signal, false)
  }

  /**
   * Lets each socket send a message of 64 bytes, and the next one when it has come back, for a duration in ms. Resolves
   * to the sorted round-trip times in ms, and the time that it took. `onSample` receives each.
   */
  async echo (duration, onSample, signal) {
    const samples = []
    const start = performance.now()
    const echoOn = (socket) => new Promise((resolve, reject) => {
      let sentAt
      const send = () => {
        sentAt = performance.now()
        socket.send(MESSAGE)
      }
      socket.onmessage = () => {
        const now = performance.now()
        samples.push(now - sentAt)
        onSample?.(now - sentAt)
        if (now - start < duration) send()
        else resolve()
      }
      socket.addEventListener('close', ({ code }) => reject(new SocketError('A socket was closed', code)))
      signal?.addEventListener('abort', () => reject(signal.reason))
      send()
    })
    await Promise.all([...this.#sockets].map(echoOn))
    return { samples: samples.sort((a, b) => a - b), duration: performance.now() - start }
  }

  /** Closes sockets: all of them by default. */
  async close (count = Infinity) {
    if (count >= this.count) this.#isClosing = true
    const closing = [...this.#sockets].slice(0, count)
    for (const socket of closing) this.#sockets.delete(socket)
    await Promise.all(closing.map(closeSocket))
  }

  async #openNext (opened, signal) {
    try {
      return await openSocket(`${this.#origin}/echo?page=${this.#page}`, signal)
    } catch (error) {
      error.opened = opened
      if (opened > 0 && error instanceof SocketError) error.message += ` ${opened} are open. ${MOST_SOCKETS}`
      throw error
    }
  }

  #add (socket) {
    if (this.#isClosing) return closeSocket(socket)
    this.#sockets.add(socket)
    socket.addEventListener('close', ({ code }) => {
      if (this.#sockets.delete(socket)) this.#onLost(new SocketError('The server closed the sockets', code))
    })
  }
}
