/** Tests the page of examples/recipes/reconnecting-page: over a restart of its server, while it is offline, and hidden. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'fastify-websocket-h2/client'
import { Example } from './example.js'
import { openPage, recordConsole } from './pages.js'

export async function testReconnectingPage (browser, checks) {
  let example = await Example.start('recipes/reconnecting-page')
  const { url } = example
  const port = new URL(url).port
  const check = (name, run) => checks.run(`reconnecting page: ${name}`, run)
  const page = await openPage(browser, url)
  const messages = recordConsole(page)
  const texts = () => page.locator('#log li').allTextContents()
  const untilState = (state) => page.locator(`#state[data-state=${state}]`).waitFor()
  const shows = (text) => page.locator('#log li').getByText(text, { exact: true }).waitFor()

  await untilState('open')
  /** Status of each handshake from now on: 200 over HTTP/2, and 101 over HTTP/1.1. */
  const statuses = []
  const network = await page.context().newCDPSession(page)
  network.on('Network.webSocketHandshakeResponseReceived', ({ response }) => statuses.push(response.status))
  await network.send('Network.enable')

  async function write (text) {
    await page.getByRole('textbox', { name: 'Message' }).fill(text)
    await page.getByRole('button', { name: 'Send' }).click()
  }

  await check('a message is shown when the server has logged it', async () => {
    await write('first')
    await shows('first')
  })

  await check('a message that is written while the server is down is sent once it is back', async () => {
    assert.equal(await example.interrupt(), 0)
    await untilState('waiting')
    await write('second')
    assert.deepEqual(await texts(), ['first'])
    example = await Example.start('recipes/reconnecting-page', { PORT: port })
    await untilState('open')
    await shows('second')
  })

  await check('a page that was offline while its server restarted connects when it is online', async () => {
    await page.context().setOffline(true)
    assert.equal(await example.interrupt(), 0)
    await untilState('waiting')
    example = await Example.start('recipes/reconnecting-page', { PORT: port })
    await log(url, 'while it was offline')
    await page.context().setOffline(false)
    await untilState('open')
    await shows('while it was offline')
    assert.deepEqual(await texts(), ['first', 'second', 'while it was offline'])
  })

  await check('after each restart the socket runs over HTTP/2', () => assert.deepEqual(statuses, [200, 200]))

  await check('the browser reports only that the server was unreachable', () => {
    assert.deepEqual(messages.filter((message) => !/ERR_(CONNECTION_REFUSED|INTERNET_DISCONNECTED)/.test(message)), [])
  })
  await page.context().close()
  await check('the server exits with code 0', async () => assert.equal(await example.interrupt(), 0))
}

/** Sends a message as another client does, and waits until the server has logged it. */
async function log (url, text) {
  const socket = connect(`${url.replace('https', 'wss')}/messages`, { rejectUnauthorized: false })
  await once(socket, 'message')
  socket.send(JSON.stringify({ id: randomUUID(), text }))
  await once(socket, 'message')
  socket.close()
}
