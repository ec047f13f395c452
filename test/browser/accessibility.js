/* global axe, document, getComputedStyle */
import assert from 'node:assert/strict'
import axeCore from 'axe-core'

const STANDARDS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const FOCUSABLE = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), summary, [tabindex="0"]'
const PHONE = 360

/** Asserts that a page has no violation of WCAG 2.2 AA that axe-core detects, among them names and contrast. */
export async function assertAccessible (page) {
  await page.evaluate(axeCore.source)
  const violations = await page.evaluate(async (values) => {
    const { violations } = await axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`))
  }, STANDARDS)
  assert.deepEqual(violations, [])
}

/** Asserts that Tab visits all controls, in the order of the document, and that the focus is visible at each. */
export async function assertTabOrder (page) {
  const count = await focusFirst(page)
  const visited = []
  for (let index = 0; index < count; index++) {
    if (index > 0) await page.keyboard.press('Tab')
    visited.push(await page.evaluate((selector) => {
      const { activeElement } = document
      const { outlineStyle, outlineWidth } = getComputedStyle(activeElement)
      const controls = [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility())
      const isVisible = outlineStyle !== 'none' && outlineWidth !== '0px'
      return isVisible ? controls.indexOf(activeElement) : `no outline: ${activeElement.tagName} ${activeElement.id}`
    }, FOCUSABLE))
  }
  assert.deepEqual(visited, Array.from({ length: count }, (_, index) => index))
}

/** Moves the focus with Tab to the control with this text. */
export async function tabTo (page, text) {
  const count = await focusFirst(page)
  for (let pressed = 0; pressed < count; pressed++) {
    if (await page.evaluate((text) => document.activeElement.textContent === text, text)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab does not reach "${text}"`)
}

/** Focuses the first control, because Tab may leave the page after the last. Returns the number of controls. */
async function focusFirst (page) {
  await page.bringToFront()
  return page.evaluate((selector) => {
    const controls = [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility())
    controls[0].focus()
    return controls.length
  }, FOCUSABLE)
}

/** Waits until a page does not scroll horizontally on a narrow phone: charts follow the width of the window. */
export async function assertFitsPhone (page) {
  await page.setViewport({ width: PHONE, height: 740 })
  const doesFit = page.waitForFunction((phone) => {
    const { scrollWidth, clientWidth } = document.documentElement
    // A scroll bar may take some of the width.
    return clientWidth <= phone && scrollWidth <= clientWidth
  }, { timeout: 10_000 }, PHONE)
  await doesFit.catch(async () => {
    const wide = await page.evaluate(() => {
      const { clientWidth } = document.documentElement
      const isWide = (element) => element.getBoundingClientRect().right > clientWidth + 1
      return [...document.querySelectorAll('body *')].filter(isWide).map(({ tagName, id, className }) => `${tagName} ${id} ${className}`)
    })
    assert.fail(`the page scrolls horizontally: ${wide.slice(0, 5)}`)
  })
}
