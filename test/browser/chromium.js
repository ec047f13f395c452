/* global EchoSocket */
/**
 * Real Chromium against the example server, and against a server in this process that tells what reached it.
 *
 *   CHROMIUM=/usr/bin/google-chrome  drives another Chromium
 *   SCREENSHOT=page.png              pictures the example's page, as page-light.png and page-dark.png
 */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { Checks } from '../helpers/checks.js'
import { Example } from './example.js'
import { Server } from './server.js'

const { CHROMIUM = '/usr/bin/chromium', SCREENSHOT } = process.env
const PAGE_SCRIPT = fileURLToPath(new URL('page.js', import.meta.url))
// Ten times what it takes, for a machine that is busy with other things.
const TIME_LIMIT = 120_000
const PARALLEL = 5
const MIB = 2 ** 20

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
  // Playwright's own ignoreHTTPSErrors does not reach WebSockets.
  '--ignore-certificate-errors'
]

const checks = new Checks()
const watchdog = setTimeout(giveUp, TIME_LIMIT)

try {
  await driveChromium()
} catch (error) {
  checks.fail('nothing stops the run', error)
}
clearTimeout(watchdog)
process.exit(checks.finish())

async function driveChromium () {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  try {
    console.log(`# Chromium ${browser.version()}, Node ${process.version}`)
    await testExample(browser, 'HTTP/2', {})
    await testExample(browser, 'HTTP/1.1', { ADVERTISE: '0' })
    await testServer(browser, 'HTTP/2', { advertise: true })
    await testServer(browser, 'HTTP/1.1', { advertise: false })
  } finally {
    await browser.close()
  }
}

async function testExample (browser, version, env) {
  const example = await Example.start(env)
  const page = await openPage(browser, example.url)
  const complaints = listenForComplaints(page)
  const check = (name, run) => checks.run(`example, ${version}: ${name}`, run)

  await check('the page opens a socket and says what it runs over', async () => {
    await page.getByRole('button', { name: 'Open socket' }).click()
    await page.getByRole('status').getByText('Open', { exact: true }).waitFor()
    assert.equal(await page.locator('#version').textContent(), version)
  })

  await check('a message comes back with its round trip', async () => {
    await sendFromPage(page, 'hello from Chromium')
    assert.match(await page.locator('#round-trip').textContent(), /^\d+\.\d ms$/)
  })

  if (SCREENSHOT !== undefined && version === 'HTTP/2') await takeScreenshots(page)

  await check('the page closes it with 1000', async () => {
    await page.getByRole('button', { name: 'Close socket' }).click()
    await page.getByText('with code 1000: clean').waitFor()
  })

  await check('Ctrl-C closes an open socket with 1001 and ends the server with exit code 0', async () => {
    await page.getByRole('button', { name: 'Open socket' }).click()
    await page.getByRole('status').getByText('Open', { exact: true }).waitFor()
    const exitCode = example.interrupt()
    await page.getByText('with code 1001: clean').waitFor()
    assert.equal(await exitCode, 0)
  })

  await check('the browser has nothing to complain about', () => assert.deepEqual(complaints, []))
  await page.context().close()
}

async function testServer (browser, version, options) {
  const server = await Server.start(options)
  const page = await openPage(browser, server.url)
  const check = (name, run) => checks.run(`${version}: ${name}`, run)
  const open = () => page.evaluateHandle(() => EchoSocket.open())

  const sockets = await check(`${PARALLEL} sockets open at once, without a subprotocol`, async () => {
    const sockets = await page.evaluateHandle(
      (count) => Promise.all(Array.from({ length: count }, () => EchoSocket.open())), PARALLEL
    )
    const protocols = await sockets.evaluate((sockets) => sockets.map((socket) => socket.protocol))
    assert.deepEqual(protocols, Array(PARALLEL).fill(''))
    return sockets
  })

  if (version === 'HTTP/2') await check('they are streams of one session', () => assertOneSession(server))
  else await check('not one of them is a stream', () => assertNoStream(server))

  await check('text comes back on each', async () => assertAll(await sockets.evaluate(
    (sockets) => Promise.all(sockets.map((socket, index) => socket.echoesText(`grüße ${index} 🙂`)))
  )))

  await check('binary comes back on each', async () => assertAll(await sockets.evaluate(
    (sockets) => Promise.all(sockets.map((socket, index) => socket.echoesBytes(256, index)))
  )))

  await check('1 MiB of text comes back on each', async () => assertAll(await sockets.evaluate(
    (sockets, MIB) => Promise.all(sockets.map((socket) => socket.echoesText('🙂'.repeat(MIB / 4)))), MIB
  )))

  await check('1 MiB of binary comes back on each', async () => assertAll(await sockets.evaluate(
    (sockets, MIB) => Promise.all(sockets.map((socket, index) => socket.echoesBytes(MIB, index))), MIB
  )))

  for (const close of [{ code: 1000, reason: '' }, { code: 4001, reason: 'page is done' }]) {
    await check(`the page closes with ${close.code}, and both sides see it`, async () => {
      const socket = await open()
      const seen = await socket.evaluate((socket, { code, reason }) => socket.close(code, reason), close)
      assert.deepEqual(seen, { ...close, wasClean: true })
      assert.deepEqual(await server.latest.closed, close)
    })
  }

  for (const close of [{ code: 1000, reason: '' }, { code: 4002, reason: 'server is done' }]) {
    await check(`the server closes with ${close.code}, and both sides see it`, async () => {
      const socket = await open()
      server.latest.socket.close(close.code, close.reason)
      assert.deepEqual(await socket.evaluate((socket) => socket.closed), { ...close, wasClean: true })
      assert.deepEqual(await server.latest.closed, close)
    })
  }

  await check(`app.close() closes the ${PARALLEL} with 1001, and returns`, async () => {
    const closed = sockets.evaluate((sockets) => Promise.all(sockets.map((socket) => socket.closed)))
    await server.close()
    assert.deepEqual(await closed, Array(PARALLEL).fill({ code: 1001, reason: '', wasClean: true }))
  })

  await page.context().close()
}

function assertOneSession ({ connects, sockets }) {
  assert.deepEqual(sockets.map(({ httpVersion }) => httpVersion), Array(PARALLEL).fill('2.0'))
  assert.equal(new Set(connects.map(({ session }) => session)).size, 1)
  assert.equal(new Set(connects.map(({ id }) => id)).size, PARALLEL)
  console.log(`# streams ${connects.map(({ id }) => id).join(', ')}`)
}

function assertNoStream ({ connects, sockets }) {
  assert.deepEqual(sockets.map(({ httpVersion }) => httpVersion), Array(PARALLEL).fill('1.1'))
  assert.deepEqual(connects, [])
}

function assertAll (results) {
  assert.deepEqual(results, Array(PARALLEL).fill(true))
}

async function openPage (browser, url) {
  const context = await browser.newContext()
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  await page.addInitScript({ path: PAGE_SCRIPT })
  await page.goto(url)
  return page
}

async function sendFromPage (page, text) {
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('#log .echo').getByText(text).waitFor()
}

function listenForComplaints (page) {
  const complaints = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => { if (message.type() !== 'log') complaints.push(message.text()) })
  return complaints
}

async function takeScreenshots (page) {
  await sendFromPage(page, 'A longer message, to see how a line that does not fit in the width of the log is broken up')
  await sendFromPage(page, 'grüße')
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: SCREENSHOT.replace(/(\.\w+)?$/, `-${colorScheme}$1`), fullPage: true })
  }
}

function giveUp () {
  checks.failCurrent(new Error(`not done after ${TIME_LIMIT / 1000} s`))
  process.exit(checks.finish())
}
