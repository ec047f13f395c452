import { tabTo } from './accessibility.js'
import { installRecorder } from './recorder.js'

const TIMEOUT = 60_000

/** A tab with the page of examples/demo, in Chromium or Firefox. */
export class DemoPage {
  /** Lines of the console, except for plain logs, and errors of the page. */
  messages = []
  /** Statuses that the browser received for WebSocket handshakes, by port. */
  statuses = new Map()
  #page

  static async open (browser, url, viewport = { width: 1280, height: 900 }) {
    const demo = new DemoPage()
    await demo.#open(browser, url, viewport)
    return demo
  }

  get page () {
    return this.#page
  }

  get state () {
    return this.#page.$eval('#state', (element) => element.dataset.state)
  }

  get status () {
    return this.#page.$eval('#state', (element) => element.textContent)
  }

  /** Waits until the page has one of these states. Throws if it fails. */
  async until (...states) {
    const state = await this.#page.waitForFunction((states) => {
      const { state } = document.querySelector('#state').dataset
      return states.includes(state) || state === 'failed' ? state : undefined
    }, { polling: 'mutation', timeout: TIMEOUT }, states)
    const reached = await state.jsonValue()
    if (!states.includes(reached)) throw new Error(`The page failed: ${await this.status}`)
  }

  /** Waits until the page neither opens sockets nor measures them, whether it failed or not. */
  async untilSettled () {
    await this.#page.waitForFunction(() => {
      return !['opening', 'measuring'].includes(document.querySelector('#state').dataset.state)
    }, { polling: 'mutation', timeout: TIMEOUT })
  }

  /** Waits until the text of an element matches. */
  async untilText (selector, pattern) {
    await this.#page.waitForFunction((selector, pattern) => {
      return new RegExp(pattern).test(document.querySelector(selector).textContent)
    }, { polling: 'mutation', timeout: TIMEOUT }, selector, pattern.source)
  }

  /** Clicks the button with this accessible name. */
  async press (name) {
    await this.#page.bringToFront()
    await this.#page.locator(`::-p-aria([name="${name}"][role="button"])`).setTimeout(TIMEOUT).click()
  }

  /** Moves the focus to the button with this text by Tab, and presses Enter. */
  async pressEnter (name) {
    await this.#page.waitForFunction((name) => {
      const buttons = [...document.querySelectorAll('button')]
      return buttons.some(({ textContent, disabled }) => textContent === name && !disabled)
    }, { polling: 'mutation', timeout: TIMEOUT }, name)
    await tabTo(this.#page, name)
    await this.#page.keyboard.press('Enter')
  }

  async enter (name, role, value) {
    await this.#page.bringToFront()
    await this.#page.locator(`::-p-aria([name="${name}"][role="${role}"])`).setTimeout(TIMEOUT).fill(String(value))
  }

  async setDistance (distance) {
    await this.enter('Distance', 'combobox', distance)
  }

  /** Opens sockets, with the mouse or with the keyboard, and waits until they are measured. */
  async run (sockets, distance, { press = 'press' } = {}) {
    await this.enter('Sockets', 'spinbutton', sockets)
    await this.setDistance(distance)
    await this[press]('Open and measure')
    await this.until('opening', 'measuring')
    await this.until('open')
  }

  async say (text) {
    await this.enter('Chat message', 'textbox', text)
    await this.press('Send')
  }

  /** Returns the figures of both transports that the page shows: their numbers, and their texts. */
  figures () {
    return this.#page.evaluate(() => {
      const figures = { http2: {}, http1: {} }
      for (const { dataset, textContent } of document.querySelectorAll('[data-figure]')) {
        const { figure, transport, value } = dataset
        if (value !== undefined) figures[transport][figure] = { value: Number(value), text: textContent }
      }
      return figures
    })
  }

  /** Returns what was recorded of the page's sockets and of answers of the server, and forgets the finished round trips. */
  async takeRecords () {
    return JSON.parse(await this.#page.evaluate(() => {
      const { recorder } = globalThis
      const records = JSON.stringify(recorder)
      recorder.answers.length = 0
      for (const socket of recorder.sockets) socket.roundTrips.length = 0
      return records
    }))
  }

  async #open (browser, url, viewport) {
    const page = this.#page = await browser.newPage()
    await page.setViewport(viewport)
    page.on('pageerror', ({ message }) => this.messages.push(message))
    page.on('console', (message) => { if (message.type() !== 'log') this.messages.push(message.text()) })
    await this.#recordStatuses()
    await page.evaluateOnNewDocument(installRecorder)
    await page.goto(url)
    await this.until('idle')
  }

  async #recordStatuses () {
    const add = (url, status) => {
      const { port, pathname } = new URL(url)
      if (pathname === '/echo') this.statuses.set(port, [...this.statuses.get(port) ?? [], status])
    }
    // Firefox reports handshakes like other requests. Chromium has events of its own for them.
    this.#page.on('response', (response) => add(response.url(), response.status()))
    if (this.#page.browser().protocol === 'webDriverBiDi') return
    const session = await this.#page.createCDPSession()
    const urls = new Map()
    session.on('Network.webSocketCreated', ({ requestId, url }) => urls.set(requestId, url))
    session.on('Network.webSocketHandshakeResponseReceived', ({ requestId, response }) => {
      add(urls.get(requestId), response.status)
    })
    await session.send('Network.enable')
  }
}
