import { get } from 'node:https'
import { json } from 'node:stream/consumers'
import { waitUntil } from '../helpers/polling.js'
import { Example } from './example.js'

/** The server of examples/demo, and its own figures. */
export class DemoServer {
  #example

  /** `ports` are those of a server before, to which pages connect again. */
  static async start (ports = { http2: 0, http1: 0 }) {
    const server = new DemoServer()
    await server.#start(ports)
    return server
  }

  get url () {
    return this.#example.url
  }

  /** Each request has a connection of its own. */
  async figures () {
    const response = await new Promise((resolve, reject) => {
      get(`${this.url}/figures`, { agent: false, rejectUnauthorized: false }, resolve).on('error', reject)
    })
    return json(response)
  }

  /** Waits until a function of the figures returns true. */
  until (isTrue) {
    return waitUntil('the figures of the server', async () => isTrue(await this.figures()))
  }

  interrupt () {
    return this.#example.interrupt()
  }

  async #start ({ http2, http1 }) {
    this.#example = await Example.start('demo', { PORT: String(http2), HTTP1_PORT: String(http1) })
    const figures = await this.figures()
    this.ports = { http2: figures.http2.port, http1: figures.http1.port }
  }
}
