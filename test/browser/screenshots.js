import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }

/** Writes screenshots of a page in each size, light and dark, into a directory. Needs Chromium. */
export async function takeScreenshots (page, directory) {
  await mkdir(directory, { recursive: true })
  // The focus would be drawn.
  await page.evaluate(() => document.activeElement.blur())
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of ['light', 'dark']) {
      await page.setViewport(viewport)
      await emulateColorScheme(page, scheme)
      await page.screenshot({ path: join(directory, `demo-${size}-${scheme}.png`), fullPage: true })
    }
  }
}

/** Emulates a color scheme, without animations. Needs Chromium. */
export function emulateColorScheme (page, value) {
  return page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value },
    { name: 'prefers-reduced-motion', value: 'reduce' }
  ])
}
