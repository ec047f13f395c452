/* global sockets */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHROMIUM_FLAGS } from '../../helpers/chromium.js'
import { withTimeout } from '../commands.js'

/** A browser, in which a page runs the commands. It is driven by WebDriver BiDi, which needs no driver program. */
export class Browser {
  #browser
  #origin
  #page

  static async start (name, executablePath) {
    const browser = new Browser()
    await browser.#start(name, executablePath)
    return browser
  }

  /** Runs the following commands in a page of this origin. */
  async setOrigin (origin) {
    await this.disconnect()
    this.#origin = origin
  }

  async run (command) {
    this.#page ??= this.#openPage()
    const page = await this.#page
    return withTimeout(command.do, page.evaluate((command) => sockets.run(command), command))
  }

  /** Closes the page, and with it its sockets. */
  async disconnect () {
    const page = await this.#page
    this.#page = undefined
    if (this.#isRunning) await page?.close()
  }

  async reload () {
    const page = await this.#page
    await page.reload()
    await waitForScript(page)
  }

  /** Navigates to another page and back. */
  async navigate () {
    const page = await this.#page
    await page.goto('about:blank')
    await page.goto(this.#origin)
    await waitForScript(page)
  }

  /** Fetches `count` resources at once from the page. Returns their bodies. */
  async fetchAll (count) {
    const page = await this.#page
    return withTimeout(`${count} fetches`, page.evaluate((count) => {
      return Promise.all(Array.from({ length: count }, async (_, index) => {
        const response = await fetch(`/connection?${index}`)
        return response.text()
      }))
    }, count))
  }

  /** Kills the browser, as a crash would. */
  async kill () {
    if (!this.#isRunning) return
    const exit = once(this.#browser.process(), 'exit')
    this.#browser.process().kill('SIGKILL')
    await exit
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  get #isRunning () {
    const { exitCode, signalCode } = this.#browser.process()
    return exitCode === null && signalCode === null
  }

  async #start (browser, executablePath) {
    // Both browsers need a home directory that is writable.
    this.profile = await mkdtemp(join(tmpdir(), `interop-${browser}-`))
    // The tests of docs/ import this module, too, where the packages of the agents may not be installed.
    const { launch } = await import('./puppeteer.js')
    this.#browser = await launch({
      browser,
      executablePath,
      protocol: 'webDriverBiDi',
      headless: true,
      acceptInsecureCerts: true,
      userDataDir: this.profile,
      env: { ...process.env, HOME: this.profile },
      args: browser === 'chrome' ? CHROMIUM_FLAGS : []
    })
    const child = this.#browser.process()
    process.once('exit', () => child.kill('SIGKILL'))
    // The version follows the name: "chrome/150.0.7871.46".
    this.version = /[\d.]+/.exec(await this.#browser.version())[0]
  }

  async #openPage () {
    const page = await this.#browser.newPage()
    await page.goto(this.#origin)
    await waitForScript(page)
    return page
  }
}

function waitForScript (page) {
  return page.waitForFunction(() => globalThis.sockets !== undefined)
}
