/**
 * Clients that use `connect()` of this package instead of the load generator's own framing, as a Node.js service does.
 * Both ends then use Node's HTTP stack, so the results depend on the client as much as on the server.
 */
import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import { randomBytes } from 'node:crypto'
import { importEntry } from '../package-entry.js'
import { Client, Socket } from './client.js'

const OPTIONS = { rejectUnauthorized: false, perMessageDeflate: false }

class PackageClient extends Client {
  #packageRoot
  #websockets = []

  /** @param options `packageRoot`: directory of the package whose client is used; the working tree's by default */
  constructor (port, isSecure, { packageRoot }) {
    super(port, isSecure)
    this.#packageRoot = packageRoot
  }

  async open (path, bytes = 0) {
    const { connect } = await importEntry('./client', this.#packageRoot)
    const websocket = this.openWebSocket(connect, path)
    this.#websockets.push(websocket)
    websocket.on('error', this.fail)
    websocket.on('close', () => this.fail(new Error('the server closed the socket')))
    await Promise.race([once(websocket, 'open'), this.failed])
    return new PackageSocket(websocket, bytes)
  }

  close () {
    super.close()
    for (const websocket of this.#websockets) websocket.terminate()
  }
}

/** Opens a connection for each socket. */
export class PackageH1Client extends PackageClient {
  openWebSocket (connect, path) {
    return connect(`wss://${this.authority}${path}`, { http: '1.1', ...OPTIONS })
  }
}

/** Opens one connection for all sockets. */
export class PackageH2Client extends PackageClient {
  #session

  openWebSocket (connect, path) {
    this.#session ??= openSession(`https://${this.authority}`, { rejectUnauthorized: false })
    return connect(this.#session, { path, ...OPTIONS })
  }

  close () {
    super.close()
    this.#session?.destroy()
  }
}

class PackageSocket extends Socket {
  #websocket

  constructor (websocket, bytes) {
    super(randomBytes(bytes))
    this.#websocket = websocket
    websocket.on('message', () => this.onmessage())
    websocket.on('drain', () => this.flush())
  }

  flush () {
    while (this.pending > 0 && !this.#websocket.writableNeedDrain) {
      this.#websocket.send(this.message)
      this.sent += this.message.length
      this.pending--
    }
  }
}
