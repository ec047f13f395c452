/** The load generator's client for HTTP/1.1. */
import { randomBytes } from 'node:crypto'
import { Client, FramingSocket } from './client.js'
import { PONG_FRAME } from './websocket-frames.js'

/** Opens a connection for each socket, with an Upgrade request (RFC 6455 section 4.1). */
export class H1Client extends Client {
  /** Sends a GET request on a connection of its own, which stays open. Resolves when the response is complete. */
  get (path) {
    return new Promise((resolve) => {
      let response = ''
      const connection = this.connect('http/1.1', (chunk) => {
        response += chunk.toString('latin1')
        if (!'HTTP/1.1 200 '.startsWith(response.slice(0, 13))) throw new Error('the server rejected the request')
        const [, length, body] = /content-length: (\d+)\r\n[^]*?\r\n\r\n([^]*)/i.exec(response) ?? []
        if (body?.length !== Number(length)) return
        this.markIdle(connection)
        resolve()
      }, () => {})
      connection.write(`GET ${path} HTTP/1.1\r\nHost: ${this.authority}\r\n\r\n`)
    })
  }

  open (path, bytes = 0) {
    return new Promise((resolve) => {
      const socket = new H1Socket(bytes, resolve)
      socket.connection = this.connect('http/1.1', (chunk) => socket.read(chunk), () => socket.flush())
      socket.connection.write([
        `GET ${path} HTTP/1.1`,
        `Host: ${this.authority}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        '\r\n'
      ].join('\r\n'))
    })
  }
}

class H1Socket extends FramingSocket {
  connection
  #responseHead = ''
  #onopen

  constructor (bytes, onopen) {
    super(bytes)
    this.#onopen = onopen
  }

  read (chunk) {
    const begin = this.#onopen === undefined ? 0 : this.#readResponseHead(chunk)
    this.reader.read(chunk, begin, chunk.length)
  }

  flush () {
    while (this.pending > 0 && !this.connection.writableNeedDrain) {
      this.connection.write(this.message)
      this.sent += this.message.length
      this.pending--
    }
  }

  pong () {
    this.connection.write(PONG_FRAME)
  }

  stopReading () {
    this.connection.pause()
  }

  /** Returns the offset in the chunk at which the response head ends. */
  #readResponseHead (chunk) {
    const before = this.#responseHead.length
    this.#responseHead += chunk.toString('latin1')
    const end = this.#responseHead.indexOf('\r\n\r\n')
    if (end === -1) return chunk.length
    if (!this.#responseHead.startsWith('HTTP/1.1 101 ')) {
      const [statusLine] = this.#responseHead.split('\r\n', 1)
      throw new Error(`the server rejected the handshake: ${statusLine}`)
    }
    this.#onopen(this)
    this.#onopen = undefined
    return end + 4 - before
  }
}
