/**
 * Takes the screenshot of examples/demo that is in the README: `npm run build && node test/browser/screenshot.js
 * docs/demo.png`, down to the figures of a run, with 50 sockets at a distance of 50 ms. SOCKETS and DISTANCE set others.
 */
import { DemoPage } from './demo-page.js'
import { DemoServer } from './demo-server.js'
import { launchChromium } from './launch.js'
import { emulateColorScheme } from './screenshots.js'

const { SOCKETS = '50', DISTANCE = '50' } = process.env
const VIEWPORT = { width: 1200, height: 1000 }

const [path] = process.argv.slice(2)
const { browser, close } = await launchChromium()
const server = await DemoServer.start()
const demo = await DemoPage.open(browser, server.url, VIEWPORT)
await emulateColorScheme(demo.page, 'light')
await demo.run(SOCKETS, DISTANCE)
// The focus would be drawn.
await demo.page.evaluate(() => document.activeElement.blur())
await demo.page.screenshot({ path, clip: { x: 0, y: 0, width: VIEWPORT.width, height: await heightOfRun(demo.page) } })
await close()
process.exitCode = await server.interrupt()

function heightOfRun (page) {
  return page.$eval('#figures', (table) => Math.ceil(table.closest('section').getBoundingClientRect().bottom) + 16)
}
