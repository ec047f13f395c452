import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killOnExit } from '../helpers/child-processes.js'
import { CHROMIUM_FLAGS } from '../helpers/chromium.js'
import { launch } from '../interop/agents/puppeteer.js'

const { CHROMIUM = '/usr/bin/chromium', FIREFOX = '/usr/bin/firefox-esr' } = process.env
const FIREFOX_COLOR_SCHEMES = { dark: 0, light: 1 }

/**
 * Launches Chromium. Both browsers have the API of Puppeteer, so that a scenario is written once: the pages of Playwright
 * need a Firefox of its own.
 */
export function launchChromium () {
  return start({ browser: 'chrome', executablePath: CHROMIUM, args: CHROMIUM_FLAGS, acceptInsecureCerts: true })
}

/**
 * Launches Firefox. It is driven by WebDriver BiDi, which cannot emulate a color scheme: pages have this one until it
 * exits. With `trusted`, which has the host with the port and the fingerprint of one certificate, it trusts no other
 * self-signed certificate: a user accepts the certificate of each port.
 */
export function launchFirefox ({ colorScheme = 'light', trusted } = {}) {
  return start({
    browser: 'firefox',
    executablePath: FIREFOX,
    acceptInsecureCerts: trusted === undefined,
    extraPrefsFirefox: { 'layout.css.prefers-color-scheme.content-override': FIREFOX_COLOR_SCHEMES[colorScheme] }
  }, trusted && { 'cert_override.txt': `${trusted.host}:\tOID.2.16.840.1.101.3.4.2.1\t${trusted.fingerprint}\t\n` })
}

/** `files` are files of the profile. */
async function start (options, files = {}) {
  const profile = await mkdtemp(join(tmpdir(), `browser-${options.browser}-`))
  for (const [name, content] of Object.entries(files)) await writeFile(join(profile, name), content)
  // Both browsers need a home directory that is writable.
  const env = { ...process.env, HOME: profile }
  const browser = await launch({ ...options, headless: true, userDataDir: profile, env })
  killOnExit(browser.process())
  return {
    browser,
    async close () {
      await browser.close()
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    }
  }
}
