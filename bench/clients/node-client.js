/**
 * The package's own client in place of the load generator: what a Node.js service gets that uses it. Both ends are Node
 * then, so a scenario says as much about the client as about the server.
 */
import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import { randomBytes } from 'node:crypto'
import { connect } from '../../dist/lib/client.js'
import { Client, Socket } from './client.js'

const OPTIONS = { rejectUnauthorized: false, perMessageDeflate: false }

/** Opens a connection for each socket over HTTP/1.1, and one for all of them over HTTP/2. */
class NodeClient extends Client {
  #sockets = []

  async open (path, bytes = 0) {
    const websocket = this.openSocket(path)
    this.#sockets.push(websocket)
    websocket.on('error', this.fail)
    websocket.on('close', () => this.fail(new Error('the server closed the socket')))
    await Promise.race([once(websocket, 'open'), this.failed])
    return new NodeSocket(websocket, bytes)
  }

  close () {
    super.close()
    for (const websocket of this.#sockets) websocket.terminate()
  }
}

export class NodeH1Client extends NodeClient {
  openSocket (path) {
    return connect(`wss://${this.authority}${path}`, { http: '1.1', ...OPTIONS })
  }
}

export class NodeH2Client extends NodeClient {
  #session

  openSocket (path) {
    this.#session ??= openSession(`https://${this.authority}`, { rejectUnauthorized: false })
    return connect(this.#session, { path, ...OPTIONS })
  }

  close () {
    super.close()
    this.#session.destroy()
  }
}

class NodeSocket extends Socket {
  #websocket

  constructor (websocket, bytes) {
    super(randomBytes(bytes))
    this.#websocket = websocket
    websocket.on('message', () => this.onmessage())
    websocket.on('drain', () => this.pump())
  }

  pump () {
    while (this.due > 0 && !this.#websocket.writableNeedDrain) {
      this.#websocket.send(this.message)
      this.sent += this.message.length
      this.due--
    }
  }
}
