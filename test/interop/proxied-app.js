import { App } from './app.js'
import { prepareFolder } from './certificate-files.js'
import { startProxy } from './proxies/index.js'
import { ScenarioContext } from './scenario-context.js'
import { portName, transportTo } from './transports.js'

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
    proxied.#folder = await prepareFolder(folder, 'proxied-app-')
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
    return transportTo(this.#proxy)
  }

  killProxy () {
    return this.#running.stop()
  }

  /** Starts the proxy, on the ports that it had before. */
  async restartProxy () {
    const ports = this.#running && { cleartext: this.#running.cleartext, tls: this.#running.tls }
    this.#running = await startProxy(this.#proxy, { ...this.#options, apps: portsOf(this.app, this.#proxy, this.#options.tls), folder: this.#folder, ports })
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
}

/** Returns the ports of both nodes for a proxy: two servers of one app. */
function portsOf ({ ports }, proxy, tls) {
  const name = portName(proxy, tls)
  return [ports[name], ports[`${name}Second`]]
}
