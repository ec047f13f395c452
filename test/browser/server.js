import { once } from 'node:events'
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { createCertificate } from '../../examples/echo/certificate.js'
import { servePage } from '../../examples/echo/page.js'

/** Serves the example's page and socket in this process, and keeps what reached it to look at. */
export class Server {
  /** Of each Extended CONNECT for a WebSocket: its session and stream id. */
  connects = []
  /** Of each socket, in the order in which they came: HTTP version, subprotocol, and how it closed. */
  sockets = []
  #app

  static async start (options) {
    const server = new Server()
    await server.#start(options)
    return server
  }

  /** The server's side of the socket that came last. */
  get latest () {
    return this.sockets.at(-1)
  }

  close () {
    return this.#app.close()
  }

  async #start (options) {
    this.#app = Fastify({ http2: true, https: { allowHTTP1: true, ...await createCertificate() } })
    this.#app.server.on('stream', (stream, headers) => this.#countConnect(stream, headers))
    await this.#app.register(fastifyWebsocketH2, options)
    this.#app.get('/echo', { websocket: true }, (socket, request) => this.#echo(socket, request))
    await this.#app.register(servePage)
    this.url = await this.#app.listen({ host: '127.0.0.1', port: 0 })
  }

  #countConnect (stream, headers) {
    if (headers[':protocol'] === 'websocket') this.connects.push({ session: stream.session, id: stream.id })
  }

  #echo (socket, request) {
    const { httpVersion } = request.raw
    this.sockets.push({ socket, httpVersion, closed: readClose(socket) })
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.send(JSON.stringify({ httpVersion }))
  }
}

async function readClose (socket) {
  const [code, reason] = await once(socket, 'close')
  return { code, reason: String(reason) }
}
