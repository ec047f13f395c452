import { cp, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { App } from './app.js'
import { CERTIFICATE_FILES } from './certificate-files.js'
import { startProxy } from './proxies/index.js'
import { ScenarioContext } from './scenario-context.js'
import { CONNECT, UPGRADE } from './transports.js'

/** An app behind a proxy. Both can be killed and restarted on the same ports. */
export class ProxiedApp {
  #proxy
  #folder
  #options
  #running

  /**
   * @param options `tls`: whether the proxy connects to the app with TLS; `idleTimeout`: see startProxy(); `plugin`: see
   *   App.start()
   */
  static async start (proxy, folder, options = {}) {
    const proxied = new ProxiedApp()
    proxied.#proxy = proxy
    // Two proxies cannot share their files.
    proxied.#folder = await mkdtemp(join(folder, 'proxied-app-'))
    for (const file of CERTIFICATE_FILES) await cp(join(folder, file), join(proxied.#folder, file))
    proxied.#options = options
    proxied.app = await App.start(folder, options)
    await proxied.restartProxy()
    return proxied
  }

  /** Creates the context of scenarios whose client connects to the proxy, with or without TLS. */
  createContext ({ agent, secure }) {
    return new ScenarioContext(this.app, agent, this.originFor(secure), this.transport)
  }

  originFor (secure) {
    return secure ? `https://localhost:${this.#running.tls}` : `http://localhost:${this.#running.cleartext}`
  }

  /** The handshake that the proxy sends to the app. */
  get transport () {
    return this.#proxy.upstreamHttpVersion === '2.0' ? CONNECT : UPGRADE
  }

  killProxy () {
    return this.#running.stop()
  }

  /** Starts the proxy, on the ports that it had before. */
  async restartProxy () {
    const ports = this.#running && { cleartext: this.#running.cleartext, tls: this.#running.tls }
    this.#running = await startProxy(this.#proxy, { ...this.#options, app: this.#appPort, folder: this.#folder, ports })
  }

  /** Kills the app, and starts it again on the same ports. */
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
    return this.transport === CONNECT ? h2c : h1
  }
}
