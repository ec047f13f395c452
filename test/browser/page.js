/* global location, WebSocket */

/** A socket of the page's. Chromium runs this file in every page, before the page's own script. */
globalThis.EchoSocket = class EchoSocket {
  #socket
  #closed

  static async open () {
    const socket = new EchoSocket()
    await socket.#open()
    return socket
  }

  /** How the socket closed. */
  get closed () {
    return this.#closed
  }

  get protocol () {
    return this.#socket.protocol
  }

  close (...args) {
    this.#socket.close(...args)
    return this.#closed
  }

  /** Whether a text comes back as it went. */
  async echoesText (text) {
    return await this.#echo(text) === text
  }

  /** Whether so many bytes come back as they went: a pattern, which each seed shifts. */
  async echoesBytes (length, seed) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8) + seed)
    const answer = await this.#echo(bytes)
    if (!(answer instanceof ArrayBuffer)) return false
    const echo = new Uint8Array(answer)
    return echo.length === length && echo.every((byte, index) => byte === bytes[index])
  }

  async #open () {
    this.#socket = new WebSocket(`wss://${location.host}/echo`)
    this.#socket.binaryType = 'arraybuffer'
    this.#closed = new Promise((resolve) => {
      this.#socket.addEventListener('close', ({ code, reason, wasClean }) => resolve({ code, reason, wasClean }))
    })
    this.httpVersion = JSON.parse(await this.#next()).httpVersion
  }

  #echo (data) {
    const answer = this.#next()
    this.#socket.send(data)
    return answer
  }

  #next () {
    return new Promise((resolve, reject) => {
      this.#socket.addEventListener('message', ({ data }) => resolve(data), { once: true })
      this.#closed.then(({ code }) => reject(new Error(`closed with ${code} instead`)))
    })
  }
}
