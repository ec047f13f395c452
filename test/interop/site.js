import { cp, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { App } from './app.js'
import { CERTIFICATE_FILES } from './certificate.js'
import { CONNECT, UPGRADE } from './over.js'
import { startProxy } from './proxies/index.js'
import { Visit } from './visit.js'

/** An app behind a proxy. */
export class Site {
  #proxy
  #folder
  #options
  #running

  /** `tls` is for the way from the proxy to the app; `idle` and `plugin` are as for startProxy() and App.start(). */
  static async start (proxy, folder, options = {}) {
    const site = new Site()
    site.#proxy = proxy
    // What a proxy keeps is not for two of them to share.
    site.#folder = await mkdtemp(join(folder, 'site-'))
    for (const file of CERTIFICATE_FILES) await cp(join(folder, file), join(site.#folder, file))
    site.#options = options
    site.app = await App.start(folder, options)
    await site.restartProxy()
    return site
  }

  /** As a client in front sees it, which uses TLS or does not. */
  visit ({ agent, secure }) {
    return new Visit(this.app, agent, this.originFor(secure), this.over)
  }

  originFor (secure) {
    return secure ? `https://localhost:${this.#running.tls}` : `http://localhost:${this.#running.clear}`
  }

  /** What the app sees sockets come over. */
  get over () {
    return this.#proxy.over === '2.0' ? CONNECT : UPGRADE
  }

  killProxy () {
    return this.#running.stop()
  }

  /** Starts the proxy, where it was before. */
  async restartProxy () {
    const ports = this.#running && { clear: this.#running.clear, tls: this.#running.tls }
    this.#running = await startProxy(this.#proxy, { ...this.#options, app: this.#appPort, folder: this.#folder, ports })
  }

  /** Ends the app as a crash would, and starts it again where it was. */
  async restartApp () {
    await this.app.kill()
    this.app = await App.start(this.#folder, { ...this.#options, ports: this.app.ports })
  }

  async stop () {
    await this.killProxy()
    await this.app.kill()
  }

  get #appPort () {
    const { h1, h2c, tls } = this.app.ports
    if (this.#options.tls) return tls
    return this.over === CONNECT ? h2c : h1
  }
}
