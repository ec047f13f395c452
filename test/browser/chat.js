/** Tests examples/chat: its page in tabs of two users, before and after a restart, and clients without a page. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'fastify-websocket-h2/client'
import { Example } from './example.js'
import { openPage, recordConsole } from './pages.js'

const HTML = '<img src="nowhere" onerror="document.title = 1">'

export async function testChat (browser, checks) {
  let example = await Example.start('chat')
  const { url } = example
  const check = (name, run) => checks.run(`chat: ${name}`, run)
  const tea = new Tab(await openPage(browser, `${url}/?room=tea`))
  const grace = new Tab(await openPage(browser, `${url}/?room=tea`))
  let coffee
  const messages = [tea, grace].map(({ page }) => recordConsole(page))

  await check('a page asks for a name, and reports one that is refused', async () => {
    await tea.logIn('  . ')
    await tea.page.getByRole('alert').getByText('Use letters and digits').waitFor()
    await tea.logIn('Ada')
    await grace.logIn('Grace')
  })

  await check('a socket runs over HTTP/2', async () => {
    for (const tab of [tea, grace]) {
      await tab.untilConnected()
      assert.equal(await tab.version(), 'HTTP/2')
    }
  })

  await check('a second tab of the browser needs no login, and joins another room', async () => {
    coffee = new Tab(await tea.page.context().newPage())
    messages.push(recordConsole(coffee.page))
    await coffee.page.goto(`${url}/?room=coffee`)
    await coffee.untilConnected()
    assert.equal(await coffee.version(), 'HTTP/2')
  })

  await check('a room shows the people in it', async () => {
    await tea.page.getByText('Here: Ada, Grace', { exact: true }).waitFor()
    await coffee.page.getByText('Here: Ada', { exact: true }).waitFor()
  })

  await check('a message arrives in the tabs of its room only', async () => {
    await tea.say('Darjeeling?')
    await grace.shows('Darjeeling?')
    await coffee.say('Espresso?')
    await grace.say('Assam.')
    await tea.shows('Assam.')
    assert.deepEqual(await coffee.texts(), ['Espresso?'])
    assert.deepEqual(await tea.texts(), ['Darjeeling?', 'Assam.'])
    assert.deepEqual(await grace.texts(), ['Darjeeling?', 'Assam.'])
  })

  await check('a message is shown as text, not as HTML', async () => {
    await grace.say(HTML)
    await tea.shows(HTML)
    assert.equal(await tea.page.locator('#log img').count(), 0)
  })

  await check('a tab that joins shows the last messages', async () => {
    await coffee.page.getByRole('link', { name: 'Tea' }).click()
    await coffee.untilConnected()
    assert.deepEqual(await coffee.texts(), ['Darjeeling?', 'Assam.', HTML])
    await coffee.page.getByRole('link', { name: 'Coffee' }).click()
    await coffee.untilConnected()
    assert.deepEqual(await coffee.texts(), ['Espresso?'])
  })

  await check('a person with two tabs in a room stays in it until both are closed', async () => {
    await tea.say('Still here')
    await grace.shows('Still here')
    assert.equal(await grace.page.locator('#people').textContent(), 'Here: Ada, Grace')
  })

  await check('a handshake without login is refused with 401, on both transports', async () => {
    for (const http of ['1.1', '2']) assert.equal((await refusalOf(url, { http })).statusCode, 401)
    const headers = { cookie: '__Host-name=Ada.AAAA' }
    assert.equal((await refusalOf(url, { http: '2', headers })).statusCode, 401)
  })

  await check('a socket that sends anything else is closed with 1007, and one that sends too much with 1008', async () => {
    const cookies = await tea.page.context().cookies()
    const headers = { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') }
    const valid = JSON.stringify({ id: crypto.randomUUID(), text: 'x' })
    assert.deepEqual(
      [cookies.length, cookies[0].httpOnly, cookies[0].secure, cookies[0].sameSite], [1, true, true, 'Strict']
    )
    for (const data of ['', 'null', '{}', '[1]', '{"id":"1","text":"x"}', Buffer.from(valid)]) {
      assert.equal(await closeCodeAfter(url, { headers }, [data]), 1007, String(data))
    }
    assert.equal(await closeCodeAfter(url, { headers }, Array(50).fill(valid)), 1008)
    assert.equal(await closeCodeAfter(url, { headers }, ['x'.repeat(5000)]), 1009)
  })

  await check('after Ctrl-C the server exits with code 0, and the tabs connect again', async () => {
    assert.equal(await example.interrupt(), 0)
    for (const tab of [tea, grace, coffee]) await tab.page.getByRole('status').getByText('Reconnecting').waitFor()
    await tea.write('Said during the restart')
    assert.equal(await tea.page.locator('.own .aside').last().textContent(), 'not sent yet')
    example = await Example.start('chat', { PORT: new URL(url).port })
    for (const tab of [tea, grace, coffee]) {
      await tab.untilConnected()
      assert.equal(await tab.version(), 'HTTP/2')
    }
  })

  await check('a message that was written during the restart is sent once, and the chat continues', async () => {
    await grace.shows('Said during the restart')
    await grace.say('Welcome back')
    await tea.shows('Welcome back')
    const expected = ['Darjeeling?', 'Assam.', HTML, 'Still here', 'Said during the restart', 'Welcome back']
    assert.deepEqual(await tea.texts(), expected)
    assert.deepEqual(await grace.texts(), expected)
    assert.deepEqual(await coffee.texts(), ['Espresso?'])
  })

  await check('a person who leaves is not shown any longer', async () => {
    await grace.page.close()
    await tea.page.getByText('Here: Ada', { exact: true }).waitFor()
  })

  await check('the browser reports only the refused name, and that the server was unreachable', () => {
    const expected = /status of 400|ERR_CONNECTION_REFUSED/
    assert.deepEqual(messages.flat().filter((message) => !expected.test(message)), [])
  })
  for (const tab of [tea, grace]) await tab.page.context().close()
  await check('the server exits with code 0', async () => assert.equal(await example.interrupt(), 0))
}

/** A tab with the page of the chat. */
class Tab {
  page

  constructor (page) {
    this.page = page
  }

  async logIn (name) {
    await this.page.getByRole('textbox', { name: 'Name' }).fill(name)
    await this.page.getByRole('button', { name: 'Enter' }).click()
  }

  async untilConnected () {
    await this.page.getByRole('status').getByText('Connected', { exact: true }).waitFor()
  }

  version () {
    return this.page.locator('#version').textContent()
  }

  async write (text) {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text)
    await this.page.getByRole('button', { name: 'Send' }).click()
  }

  /** Sends a message, and waits until the server has acknowledged it. */
  async say (text) {
    await this.write(text)
    await this.shows(text)
  }

  /** Waits for a message that the server has sent. */
  async shows (text) {
    await this.page.locator('#log [data-time]').getByText(text, { exact: true }).waitFor()
  }

  texts () {
    return this.page.locator('#log .text').allTextContents()
  }
}

function open (url, options) {
  return connect(`${url.replace('https:', 'wss:')}/rooms/garden`, { rejectUnauthorized: false, ...options })
}

async function refusalOf (url, options) {
  const [error] = await once(open(url, options), 'error')
  return error
}

async function closeCodeAfter (url, options, messages) {
  const socket = open(url, options)
  await once(socket, 'open')
  for (const message of messages) socket.send(message)
  const [code] = await once(socket, 'close')
  return code
}
