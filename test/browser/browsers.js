/**
 * Tests the pages of the examples, in Chromium and Firefox, and the client of socket.io and the hot module replacement of
 * Vite, in Chromium. The sockets of pages in general are tested in test/interop.
 *
 *   CHROMIUM=/usr/bin/google-chrome  uses another Chromium
 *   FIREFOX=/usr/bin/firefox         uses another Firefox
 *   SCREENSHOTS=directory            writes screenshots of examples/demo: desktop and phone, light and dark
 *
 * Arguments select suites: `browsers.js demo chat`.
 */
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { Checks } from '../helpers/checks.js'
import { CHROMIUM_FLAGS } from '../helpers/chromium.js'
import { testChat } from './chat.js'
import { testDemoInChromium, testDemoInFirefox } from './demo-browsers.js'
import { Example } from './example.js'
import { openPage, recordConsole } from './pages.js'
import { testReconnectingPage } from './reconnecting-page.js'
import { testSocketIo } from './socket-io.js'
import { testVite } from './vite.js'

const { CHROMIUM = '/usr/bin/chromium', SCREENSHOTS } = process.env
// Several times the usual duration, for a busy machine.
const TIME_LIMIT = 480_000

const checks = new Checks()
const timer = checks.limit(TIME_LIMIT)

const suites = {
  // Both mostly wait.
  demo: () => Promise.all([testDemoInChromium(checks, SCREENSHOTS), testDemoInFirefox(checks)]),
  echo: () => inChromium(async (browser) => {
    await testExample(browser, 'HTTP/2', {})
    await testExample(browser, 'HTTP/1.1', { ADVERTISE: '0' })
  }),
  chat: () => inChromium((browser) => testChat(browser, checks)),
  recipe: () => inChromium((browser) => testReconnectingPage(browser, checks)),
  vite: () => inChromium(async (browser) => {
    await testVite(browser, checks, { mount: 'with @fastify/middie', allowHTTP1: true })
    await testVite(browser, checks, { mount: 'in a notFoundHandler', allowHTTP1: false })
  }),
  'socket.io': () => inChromium((browser) => testSocketIo(browser, checks, { openPage, recordConsole }))
}

const selected = process.argv.slice(2)
try {
  console.log(`# Node ${process.version}`)
  for (const name of selected.length > 0 ? selected : Object.keys(suites)) await suites[name]()
} catch (error) {
  checks.fail('the run is complete', error)
}
clearTimeout(timer)
process.exit(checks.finish())

async function inChromium (test) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS })
  console.log(`# Chromium ${browser.version()}`)
  try {
    await test(browser)
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
