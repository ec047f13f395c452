import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'fastify-websocket-h2/client'
import { App } from './app.js'
import { prepareFolder } from './certificate-files.js'
import { startProxy } from './proxies/index.js'
import { portName } from './transports.js'

/** The address of the client, which is not that of the proxy. */
export const CLIENT_ADDRESS = '127.0.0.2'
/** In ms. A node that is frozen does not answer. */
const REQUEST_TIMEOUT = 1000
/** In ms. Apache's health checks wait for a frozen node as long as its idle timeout. */
const IDLE_TIMEOUT = 3000
const HEARTBEAT = 500

/** Two processes of the app behind a proxy, which they trust. */
export class ProxiedNodes {
  nodes
  #proxy
  #folder
  #options
  #running
  #ca

  /** @param options `tls`: whether the proxy connects to the nodes with TLS */
  static async start (proxy, folder, { tls }) {
    const proxied = new ProxiedNodes()
    proxied.#proxy = proxy
    proxied.#folder = await prepareFolder(folder, 'proxied-nodes-')
    proxied.#ca = await readFile(join(folder, 'ca.pem'))
    proxied.#options = {
      plugin: { heartbeat: HEARTBEAT },
      fastify: { trustProxy: '127.0.0.1' },
      ending: proxy.endingStatus ?? 503
    }
    proxied.nodes = [await proxied.#startNode(), await proxied.#startNode()]
    const apps = proxied.nodes.map(({ ports }) => ports[portName(proxy, tls)])
    try {
      proxied.#running = await startProxy(proxy, { apps, tls, folder: proxied.#folder, idleTimeout: IDLE_TIMEOUT })
      return proxied
    } catch (error) {
      await proxied.stop()
      throw error
    }
  }

  /** Returns an origin of the proxy: with TLS, or without. */
  originFor (secure) {
    return secure ? `https://localhost:${this.#running.tls}` : `http://localhost:${this.#running.cleartext}`
  }

  /**
   * Connects to the proxy with TLS, over HTTP/2, or without, over HTTP/1.1.
   *
   * @param options of connect()
   */
  connect ({ id, secure = true, ...options }) {
    const url = `${this.originFor(secure).replace('http', 'ws')}/echo?id=${id}`
    const http = secure ? '2' : '1.1'
    return connect(url, { ca: this.#ca, localAddress: CLIENT_ADDRESS, family: 4, http, ...options })
  }

  /** Requests a path over HTTP/1.1. Returns the status and the body. */
  async get (path) {
    const response = await fetch(`${this.originFor(false)}${path}`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT) })
    return { status: response.status, body: await response.text() }
  }

  /** Returns the number of open sockets of each node. */
  async count () {
    return (await Promise.all(this.nodes.map((node) => node.state()))).map(({ sockets }) => sockets)
  }

  /** Starts a node again, on the same ports. */
  async restart (index) {
    this.nodes[index] = await this.#startNode(this.nodes[index].ports)
  }

  async stop () {
    await this.#running?.stop()
    for (const node of this.nodes) await node.kill()
  }

  #startNode (ports) {
    return App.start(this.#folder, { ...this.#options, ports })
  }
}
