/* global sockets */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch } from 'puppeteer-core'
import { CHROMIUM_FLAGS } from '../../helpers/chromium.js'
import { within } from '../commands.js'

/** A browser whose page takes the commands. It is driven by WebDriver BiDi, which needs no driver program. */
export class Browser {
  #browser
  #origin
  #page

  static async start (name, executablePath) {
    const browser = new Browser()
    await browser.#start(name, executablePath)
    return browser
  }

  /** Has a page of that origin take the commands from now on: the browser is one of its users. */
  async visit (origin) {
    await this.leave()
    this.#origin = origin
  }

  async run (command) {
    this.#page ??= this.#openPage()
    const page = await this.#page
    return within(command.do, page.evaluate((command) => sockets.run(command), command))
  }

  /** Closes the tab. */
  async leave () {
    const page = await this.#page
    this.#page = undefined
    if (this.#isRunning) await page?.close()
  }

  async reload () {
    const page = await this.#page
    await page.reload()
    await waitForScript(page)
  }

  /** Goes to another page, and comes back. */
  async navigate () {
    const page = await this.#page
    await page.goto('about:blank')
    await page.goto(this.#origin)
    await waitForScript(page)
  }

  /** Has the page fetch so many resources at once. Gives what each answered. */
  async fetchAll (count) {
    const page = await this.#page
    return within(`${count} fetches`, page.evaluate((count) => {
      return Promise.all(Array.from({ length: count }, async (_, index) => {
        const response = await fetch(`/connection?${index}`)
        return response.text()
      }))
    }, count))
  }

  /** Ends it as a crash would. */
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
    // Both want a home that they can write to.
    this.profile = await mkdtemp(join(tmpdir(), `interop-${browser}-`))
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
    // After the name, and before the build.
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
