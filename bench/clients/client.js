/**
 * Base classes of the load generator's clients and their sockets. They use plain TCP or TLS connections and frame each
 * message only once, so that the load generator costs little CPU, the same over both transports, and the results depend
 * on the server. They implement only what the scenarios need.
 */
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { MessageReader, encodeMessage } from './websocket-frames.js'

// Node's default is smaller than a receive window. Data that the window allows would then be written over several turns
// of the event loop, and a PING ACK could overtake it: the plugin, which measures the round-trip time, would take this
// client for a slow sender.
const HIGH_WATER_MARK = 1024 * 1024

/** A client of the server under test, with any number of sockets. */
export class Client {
  /** Rejects with the first error of any connection or socket, which invalidates the measurement. */
  failed
  fail
  port
  isSecure
  #connections = []
  #idle = new Set()
  #resumesTls
  #tlsSession

  /** @param options `resumesTls`: later connections resume the TLS session of the first, as those of a browser do */
  constructor (port, isSecure, { resumesTls = false } = {}) {
    this.port = port
    this.isSecure = isSecure
    this.#resumesTls = resumesTls
    this.failed = new Promise((resolve, reject) => { this.fail = reject })
    this.failed.catch(() => {})
  }

  get authority () {
    return `127.0.0.1:${this.port}`
  }

  /**
   * Opens a connection.
   *
   * @param read receives each chunk of data
   * @param flush writes pending data: called after `read`, and when the connection drains
   */
  connect (protocol, read, flush) {
    const options = { host: '127.0.0.1', port: this.port, highWaterMark: HIGH_WATER_MARK }
    const connection = this.isSecure
      ? connectTls({ ...options, ALPNProtocols: [protocol], rejectUnauthorized: false, session: this.#tlsSession })
      : connectTcp(options)
    connection.setNoDelay()
    if (this.#resumesTls) connection.once('session', (session) => { this.#tlsSession ??= session })
    connection.on('secureConnect', () => {
      // A server without ALPN, such as Bun.serve, uses HTTP/1.1.
      if ((connection.alpnProtocol || 'http/1.1') !== protocol) this.fail(new Error(`the server does not support ${protocol}`))
    })
    connection.on('data', (chunk) => {
      // Sends everything that a chunk causes in one write.
      connection.cork()
      try {
        read(chunk)
        flush()
      } catch (error) {
        this.fail(error)
      }
      connection.uncork()
    })
    connection.on('drain', flush)
    connection.on('error', this.fail)
    connection.on('close', () => {
      if (!this.#idle.has(connection)) this.fail(new Error('the server closed the connection'))
    })
    this.#connections.push(connection)
    return connection
  }

  /** Marks a connection as idle: the server may close it. */
  markIdle (connection) {
    this.#idle.add(connection)
  }

  close () {
    for (const connection of this.#connections) connection.destroy()
  }
}

/** A WebSocket that sends one message repeatedly. Subclasses implement `flush`, which sends as much as is allowed. */
export class Socket {
  /** Called for each complete message that arrives. */
  onmessage = () => {}
  /** Bytes handed to the transport. */
  sent = 0
  /** Messages that have not been handed to the transport completely. */
  pending = 0
  message

  constructor (message) {
    this.message = message
  }

  /** Sends the message `times` more times, even `Infinity`, as the transport accepts data. Buffers no copies of it. */
  send (times) {
    this.pending += times
    this.flush()
  }
}

/** A WebSocket whose frames are encoded and parsed here, not by a library. Subclasses implement `pong`. */
export class FramingSocket extends Socket {
  reader = new MessageReader(() => this.onmessage(), () => this.pong())

  /** @param bytes size of the message */
  constructor (bytes) {
    super(encodeMessage(bytes))
  }
}
