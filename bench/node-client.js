/**
 * The package's own client in place of the load generator: what a Node.js service gets that uses it. Both ends are Node
 * then, so a scenario says as much about the client as about the server.
 */
import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import { randomBytes } from 'node:crypto'
import { connect } from '../dist/lib/client.js'

const OPTIONS = { rejectUnauthorized: false, perMessageDeflate: false }

/** Opens a connection for each socket over HTTP/1.1, and one for all of them over HTTP/2. */
class NodeClient {
  /** Rejects on whatever goes wrong with any of the sockets, since a measurement is void then. */
  failed
  port
  #fail
  #sockets = []

  constructor (port) {
    this.port = port
    this.failed = new Promise((resolve, reject) => { this.#fail = reject })
  }

  async open (path, bytes = 0) {
    const websocket = this.connect(path)
    this.#sockets.push(websocket)
    websocket.on('error', this.#fail)
    websocket.on('close', () => this.#fail(new Error('the server closed the socket')))
    await Promise.race([once(websocket, 'open'), this.failed])
    return new NodeSocket(websocket, bytes)
  }

  close () {
    for (const websocket of this.#sockets) websocket.terminate()
  }
}

export class NodeH1Client extends NodeClient {
  connect (path) {
    return connect(`wss://127.0.0.1:${this.port}${path}`, { http: '1.1', ...OPTIONS })
  }
}

export class NodeH2Client extends NodeClient {
  #session

  connect (path) {
    this.#session ??= openSession(`https://127.0.0.1:${this.port}`, { rejectUnauthorized: false })
    return connect(this.#session, { path, ...OPTIONS })
  }

  close () {
    super.close()
    this.#session.destroy()
  }
}

class NodeSocket {
  /** Called for each message that has arrived as a whole. */
  onmessage = () => {}
  #websocket
  #message
  #due = 0

  constructor (websocket, bytes) {
    this.#websocket = websocket
    this.#message = randomBytes(bytes)
    websocket.on('message', () => this.onmessage())
    websocket.on('drain', () => this.#pump())
  }

  /** Sends the message that many times more, as soon as the socket takes it: nothing queues up, even of Infinity. */
  send (times) {
    this.#due += times
    this.#pump()
  }

  #pump () {
    while (this.#due > 0 && !this.#websocket.writableNeedDrain) {
      this.#websocket.send(this.#message)
      this.#due--
    }
  }
}
