/** Runs the scenario of examples/demo in both browsers, with the checks that one of them allows. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readKeys } from '../../examples/shared/keys.js'
import { assertAccessible, assertFitsPhone, assertTabOrder } from './accessibility.js'
import { testDemo } from './demo.js'
import { DemoPage } from './demo-page.js'
import { DemoServer } from './demo-server.js'
import { launchChromium, launchFirefox } from './launch.js'
import { emulateColorScheme, takeScreenshots } from './screenshots.js'

const DESKTOP = { width: 1280, height: 900 }

/** Writes screenshots if a directory is given. */
export async function testDemoInChromium (checks, screenshots) {
  const { browser, close } = await launchChromium()
  console.log(`# ${await browser.version()}`)
  await testDemo(browser, checks, { name: 'Chromium', checkMore })
  await close()

  async function checkMore ({ demo, check }) {
    for (const scheme of ['light', 'dark']) {
      await check(`the ${scheme} page has the contrast and the names of WCAG 2.2 AA`, async () => {
        await emulateColorScheme(demo.page, scheme)
        await assertAccessible(demo.page)
      })
    }
    await checkTabsAndWidth({ demo, check })
    if (screenshots !== undefined) await takeScreenshots(demo.page, screenshots)
    await emulateColorScheme(demo.page, 'light')
    await demo.page.setViewport(DESKTOP)
  }
}

export async function testDemoInFirefox (checks) {
  const { browser, close } = await launchFirefox({ colorScheme: 'dark' })
  console.log(`# ${await browser.version()}`)
  await testDemo(browser, checks, { name: 'Firefox', checkMore })
  await close()
  await testCertificate(checks)

  async function checkMore ({ demo, check }) {
    await check('the page has the contrast and the names of WCAG 2.2 AA', () => assertAccessible(demo.page))
    await checkTabsAndWidth({ demo, check })
    await demo.page.setViewport(DESKTOP)
  }
}

async function checkTabsAndWidth ({ demo, check }) {
  await check('Tab visits all controls in their order, with a visible focus', () => assertTabOrder(demo.page))

  await check('the page does not scroll horizontally if it is 360 pixels wide', () => assertFitsPhone(demo.page))
}

/** A user of Firefox accepts the certificate of each port. */
async function testCertificate (checks) {
  const server = await DemoServer.start()
  const { cert } = await readKeys()
  const trusted = { host: new URL(server.url).host, fingerprint: new X509Certificate(cert).fingerprint256 }
  const { browser, close } = await launchFirefox({ trusted })
  const demo = await DemoPage.open(browser, server.url)

  await checks.run('demo, Firefox: the page explains that the second port has a certificate to accept', async () => {
    await demo.press('Open and measure')
    const link = await demo.page.waitForSelector('[role=alert]:not([hidden]) a[href]', { visible: true })
    assert.equal(await link.evaluate(({ href }) => href), `https://localhost:${server.ports.http1}/`)
    await demo.untilSettled()
    const { http2, http1 } = await demo.figures()
    assert.ok(http2.openSockets.value > 0)
    assert.equal(http1.openSockets, undefined)
    assert.equal((await server.figures()).http1.openedSockets, 0)
  })

  await close()
  await server.interrupt()
}
