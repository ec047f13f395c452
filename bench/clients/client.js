/**
 * A load generator that costs next to nothing, and the same over either transport, so that what it measures is the
 * server: below it are plain TCP or TLS sockets, and messages are masked and framed once. It can only do what the
 * scenarios need.
 */
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { MessageReader, encodeMessage } from './websocket-frames.js'

// Node's default is less than a window: data that may be sent at once would take turns of the event loop, and a PING
// be answered ahead of it. Who measures round trips, as the plugin does, would take that for a slow sender.
const WRITE_AHEAD = 1024 * 1024

/** One client of the server, with as many sockets as it opens. */
export class Client {
  /** Rejects on whatever goes wrong with any of the sockets, since a measurement is void then. */
  failed
  fail
  port
  isSecure
  #connections = []

  constructor (port, isSecure) {
    this.port = port
    this.isSecure = isSecure
    this.failed = new Promise((resolve, reject) => { this.fail = reject })
    this.failed.catch(() => {})
  }

  get authority () {
    return `127.0.0.1:${this.port}`
  }

  /** Opens a connection, which `read` gets the chunks of, and `pump` may write to whenever there is reason to. */
  connect (protocol, read, pump) {
    const options = { host: '127.0.0.1', port: this.port, highWaterMark: WRITE_AHEAD }
    const connection = this.isSecure
      ? connectTls({ ...options, ALPNProtocols: [protocol], rejectUnauthorized: false })
      : connectTcp(options)
    connection.setNoDelay()
    connection.on('secureConnect', () => {
      if (connection.alpnProtocol !== protocol) this.fail(new Error(`the server does not speak ${protocol}`))
    })
    connection.on('data', (chunk) => {
      // What one chunk gives cause to say is said in one write.
      connection.cork()
      try {
        read(chunk)
        pump()
      } catch (error) {
        this.fail(error)
      }
      connection.uncork()
    })
    connection.on('drain', pump)
    connection.on('error', this.fail)
    connection.on('close', () => this.fail(new Error('the server closed the connection')))
    this.#connections.push(connection)
    return connection
  }

  close () {
    for (const connection of this.#connections) connection.destroy()
  }
}

/** A WebSocket that sends the same message over and over. Those who extend it add `pump`: it sends what may go now. */
export class Socket {
  /** Called for each message that has arrived as a whole. */
  onmessage = () => {}
  /** Bytes that the transport took. */
  sent = 0
  /** Messages that it has not taken as a whole. */
  due = 0
  message

  constructor (message) {
    this.message = message
  }

  /** Sends the message that many times more, as soon as the transport takes it: nothing queues up, even of Infinity. */
  send (times) {
    this.due += times
    this.pump()
  }
}

/** One that frames its messages itself, once. */
export class FramingSocket extends Socket {
  reader = new MessageReader(() => this.onmessage())

  /** @param bytes size of the message */
  constructor (bytes) {
    super(encodeMessage(bytes))
  }
}
