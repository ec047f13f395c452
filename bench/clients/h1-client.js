import { randomBytes } from 'node:crypto'
import { Client, FramingSocket } from './client.js'

/** Opens a connection for each socket, with an Upgrade request (RFC 6455 section 4.1). */
export class H1Client extends Client {
  open (path, bytes = 0) {
    return new Promise((resolve) => {
      const socket = new H1Socket(bytes, resolve)
      socket.connection = this.connect('http/1.1', (chunk) => socket.read(chunk), () => socket.pump())
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
  #head = ''
  #opened

  constructor (bytes, opened) {
    super(bytes)
    this.#opened = opened
  }

  read (chunk) {
    const begin = this.#opened === undefined ? 0 : this.#readHead(chunk)
    this.reader.read(chunk, begin, chunk.length)
  }

  pump () {
    while (this.due > 0 && !this.connection.writableNeedDrain) {
      this.connection.write(this.message)
      this.sent += this.message.length
      this.due--
    }
  }

  /** Returns where in the chunk the head of the response ends. */
  #readHead (chunk) {
    const before = this.#head.length
    this.#head += chunk.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) return chunk.length
    if (!this.#head.startsWith('HTTP/1.1 101 ')) {
      throw new Error(`the server refused the socket: ${this.#head.slice(0, this.#head.indexOf('\r\n'))}`)
    }
    this.#opened(this)
    this.#opened = undefined
    return end + 4 - before
  }
}
