/**
 * Tests the pages of the examples, the client of socket.io, and the hot module replacement of Vite, in Chromium.
 * The sockets of pages in general are tested in test/interop.
 *
 *   CHROMIUM=/usr/bin/google-chrome  uses another Chromium
 *   SCREENSHOT=page.png              writes screenshots of examples/echo: page-light.png and page-dark.png
 */
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { Checks } from '../helpers/checks.js'
import { CHROMIUM_FLAGS } from '../helpers/chromium.js'
import { testChat } from './chat.js'
import { Example } from './example.js'
import { openPage, recordConsole } from './pages.js'
import { testSocketIo } from './socket-io.js'
import { testVite } from './vite.js'

const { CHROMIUM = '/usr/bin/chromium', SCREENSHOT } = process.env
// Ten times the usual duration, for a busy machine.
const TIME_LIMIT = 240_000

const checks = new Checks()
const timer = checks.limit(TIME_LIMIT)

try {
  await testInChromium()
} catch (error) {
  checks.fail('the run is complete', error)
}
clearTimeout(timer)
process.exit(checks.finish())

async function testInChromium () {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS })
  try {
    console.log(`# Chromium ${browser.version()}, Node ${process.version}`)
    await testExample(browser, 'HTTP/2', {})
    await testExample(browser, 'HTTP/1.1', { ADVERTISE: '0' })
    await testChat(browser, checks)
    await testVite(browser, checks, { mount: 'with @fastify/middie', allowHTTP1: true })
    await testVite(browser, checks, { mount: 'in a notFoundHandler', allowHTTP1: false })
    await testSocketIo(browser, checks, { openPage, recordConsole })
  } finally {
    await browser.close()
  }
}

async function testExample (browser, version, env) {
  const example = await Example.start('echo', env)
  const page = await openPage(browser, example.url)
  const messages = recordConsole(page)
  const check = (name, run) => checks.run(`example, ${version}: ${name}`, run)

  await check('the page opens a socket and shows its HTTP version', async () => {
    await page.getByRole('button', { name: 'Open socket' }).click()
    await page.getByRole('status').getByText('Open', { exact: true }).waitFor()
    assert.equal(await page.locator('#version').textContent(), version)
  })

  await check('the page shows the echo of a message and the round-trip time', async () => {
    await sendFromPage(page, 'hello from Chromium')
    assert.match(await page.locator('#round-trip').textContent(), /^\d+\.\d ms$/)
  })

  if (SCREENSHOT !== undefined && version === 'HTTP/2') await takeScreenshots(page)

  await check('the page closes the socket with 1000', async () => {
    await page.getByRole('button', { name: 'Close socket' }).click()
    await page.getByText('with code 1000: clean').waitFor()
  })

  await check('Ctrl-C closes an open socket with 1001, and the server exits with code 0', async () => {
    await page.getByRole('button', { name: 'Open socket' }).click()
    await page.getByRole('status').getByText('Open', { exact: true }).waitFor()
    const exitCode = example.interrupt()
    await page.getByText('with code 1001: clean').waitFor()
    assert.equal(await exitCode, 0)
  })

  await check('the browser reports no error and no warning', () => assert.deepEqual(messages, []))
  await page.context().close()
}

async function sendFromPage (page, text) {
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('#log .echo').getByText(text).waitFor()
}

async function takeScreenshots (page) {
  await sendFromPage(page, 'A longer message, to see how a line that does not fit in the width of the log is broken up')
  await sendFromPage(page, 'grüße')
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: SCREENSHOT.replace(/(\.\w+)?$/, `-${colorScheme}$1`), fullPage: true })
  }
}
