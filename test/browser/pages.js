/** Opens a page in a context of its own, which shares no connection with other contexts. */
export async function openPage (browser, url) {
  const context = await browser.newContext()
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  await page.goto(url)
  return page
}

/** Returns the errors of a page and the lines of its console at these levels, as they are reported. */
export function recordConsole (page, isRecorded = (level) => level !== 'log') {
  const messages = []
  page.on('pageerror', (error) => messages.push(error.message))
  page.on('console', (message) => { if (isRecorded(message.type())) messages.push(message.text()) })
  return messages
}
