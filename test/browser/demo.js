/**
 * Tests examples/demo in Chromium and Firefox. Every figure of the page is compared with what the server, the kernel or the
 * recorder in the page counted.
 */
import assert from 'node:assert/strict'
import { countConnections } from './connections.js'
import { DemoPage } from './demo-page.js'
import { DemoServer } from './demo-server.js'
import { compareFlood, compareResumed, compareRun, compareStall, compareTexts } from './demo-figures.js'

const SOCKETS = 20
const DISTANCE = 50
const NORMAL_CLOSURE = 1000
const GOING_AWAY = 1001

export async function testDemo (browser, checks, { name, checkMore = () => {} }) {
  const check = (title, run) => checks.run(`demo, ${name}: ${title}`, run)
  let server = await DemoServer.start()
  const { url, ports } = server
  const demo = await DemoPage.open(browser, url)

  await check('the page has the name of the product, and opens no socket of its measurements by itself', async () => {
    assert.match(await demo.page.title(), /^fastify-websocket-h2/)
    const { http2, http1 } = await server.figures()
    assert.deepEqual([http2.openedSockets, http1.openedSockets], [0, 0])
    assert.deepEqual(await demo.figures(), { http2: {}, http1: {} })
  })

  await testRun(0, 'press')
  await testRun(DISTANCE, 'pressEnter')

  async function testRun (distance, press) {
    const at = `at a distance of ${distance} ms`
    await closeAll()
    await demo.takeRecords()
    demo.statuses.clear()
    const before = await server.figures()
    await check(`${at}, the page opens sockets over HTTP/2 and HTTP/1.1, and measures them`, async () => {
      await demo.run(SOCKETS, distance, { press })
    })
    const after = await server.figures()
    const [figures, records] = [await demo.figures(), await demo.takeRecords()]

    await check(`${at}, each socket has the transport of its column`, async () => {
      assert.deepEqual(openVersions(records), Array(SOCKETS).fill('2').concat(Array(SOCKETS).fill('1.1')))
      assert.deepEqual(demo.statuses.get(String(ports.http2)), Array(SOCKETS).fill(200))
      assert.deepEqual(demo.statuses.get(String(ports.http1)), Array(SOCKETS).fill(101))
    })
    await check(`${at}, one connection carries the sockets over HTTP/2, and each over HTTP/1.1 has its own`, async () => {
      assert.deepEqual([after.http2.carriers, after.http1.carriers], [1, SOCKETS])
      assert.deepEqual([figures.http2.connections.value, figures.http1.connections.value], [1, SOCKETS])
      assert.equal(await countConnections(ports.http1), SOCKETS)
    })
    await check(`${at}, the figures are those of the server and of the recorder`, () => {
      assert.equal(after.rtt, distance)
      compareRun({ figures, records, before, after, ports, sockets: SOCKETS, distance })
      compareTexts(figures)
    })
  }

  /** Waits until the closing of connections adds no bytes to the figures of the server. */
  async function closeAll () {
    if (await demo.state !== 'open') return
    await demo.press('Close all')
    await demo.until('closed')
    await server.until(async ({ http1 }) => http1.openSockets === 0 && await countConnections(ports.http1) === 0)
  }

  /** Compares the figures of an experiment with what the server and the recorder counted, and their texts. */
  async function compareFigures (compare) {
    const figures = await demo.figures()
    compare({ figures, records: await demo.takeRecords(), server: await server.figures(), ports })
    compareTexts(figures)
  }

  await check('a reader that stalls closes its window, and its siblings continue', async () => {
    await demo.takeRecords()
    await demo.pressEnter('Stall one reader')
    await demo.until('stalling')
    await demo.until('stalled')
    await compareFigures(compareStall)
  })

  await check('a reader that continues receives all that was sent', async () => {
    await demo.pressEnter('Let it read')
    await demo.until('open')
    await compareFigures(compareResumed)
  })

  await check('while one socket is flooded, its siblings receive answers', async () => {
    await demo.pressEnter('Flood one')
    await demo.until('flooding')
    await demo.until('open')
    await compareFigures(compareFlood)
  })

  const second = await DemoPage.open(browser, url)
  await check('a message of the chat reaches both tabs', async () => {
    await demo.say('Hello from the first tab')
    for (const tab of [demo, second]) await tab.untilText('[role=log]', /Hello from the first tab/)
    await second.say('<b>Hello</b> from the second')
    for (const tab of [demo, second]) await tab.untilText('[role=log]', /<b>Hello<\/b> from the second/)
    assert.equal(await demo.page.$('[role=log] b'), null)
  })

  await checkMore({ demo, check })

  await check('a tab does not measure while another does, and does afterwards', async () => {
    await demo.press('Open and measure')
    await demo.until('opening', 'measuring')
    await second.press('Open and measure')
    await second.untilText('#state', /Another tab is measuring/)
    await demo.until('open')
    await second.run(SOCKETS, 0)
    const [first, other] = [await demo.figures(), await second.figures()]
    for (const { http2, http1 } of [first, other]) {
      assert.deepEqual([http2.connections.value, http1.connections.value], [1, SOCKETS])
      assert.deepEqual([http2.openSockets.value, http1.openSockets.value], [SOCKETS, SOCKETS])
    }
    const { http2, http1 } = await server.figures()
    assert.deepEqual([http2.openSockets, http1.openSockets], [2 * SOCKETS, 2 * SOCKETS])
  })

  await check('"Close all" closes the sockets of its tab with 1000', async () => {
    await second.pressEnter('Close all')
    await second.until('closed')
    const figures = await second.figures()
    assert.deepEqual([figures.http2.openSockets.value, figures.http1.openSockets.value], [0, 0])
    assert.deepEqual(closeCodes(await second.takeRecords()), Array(2 * SOCKETS).fill(NORMAL_CLOSURE))
    await server.until(({ http2, http1 }) => http2.openSockets === SOCKETS && http1.openSockets === SOCKETS)
  })
  await second.page.close()

  await check('the browser reports no error and no warning', () => {
    assert.deepEqual([...demo.messages, ...second.messages], [])
  })

  await check('Ctrl-C closes open sockets with 1001, the page reports it, and the server exits with code 0', async () => {
    assert.equal(await server.interrupt(), 0)
    await demo.untilText('#state', new RegExp(String(GOING_AWAY)))
    assert.deepEqual(closeCodes(await demo.takeRecords()).slice(-2 * SOCKETS), Array(2 * SOCKETS).fill(GOING_AWAY))
  })

  await check('while the server is not running, the page reports that', async () => {
    await demo.press('Open and measure')
    await demo.untilText('#state', /server does not answer|did not open/)
  })

  await check('after a restart of the server, the page measures again, and the chat continues', async () => {
    server = await DemoServer.start(ports)
    await demo.run(SOCKETS, 0)
    const { http2, http1 } = await demo.figures()
    assert.deepEqual([http2.connections.value, http1.connections.value], [1, SOCKETS])
    await demo.page.waitForSelector('::-p-aria([name="Send"][role="button"])')
    await demo.say('Hello again')
    await demo.untilText('[role=log]', /Hello again/)
  })

  await demo.page.close()
  await check('the server exits with code 0', async () => assert.equal(await server.interrupt(), 0))
}

/** HTTP versions of the sockets of the measurements, which the server reports in the first message of each. */
function openVersions ({ sockets }) {
  return sockets
    .filter(({ path, closeCode }) => path === '/echo' && closeCode === undefined)
    .map(({ firstMessage }) => JSON.parse(firstMessage).httpVersion)
}

/** Close codes of the sockets of the measurements. */
function closeCodes ({ sockets }) {
  return sockets.filter(({ path }) => path === '/echo').map(({ closeCode }) => closeCode)
}
