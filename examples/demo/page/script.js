/* global document, window */
import { abort, isRunning, perform, returnFocus, showButtons, showState } from './activity.js'
import { openChat } from './chat.js'
import { Comparison, MOST_KEPT } from './comparison.js'
import { NAMES, explain } from './explain.js'
import { Report } from './report.js'
import { BusyError } from './server.js'

const CANCELLED = new Error('Cancelled. No sockets are open.')
const PAGE_PROTOCOL = performance.getEntriesByType('navigation')[0].nextHopProtocol

const elements = Object.fromEntries([...document.querySelectorAll('[id]')].map((element) => [element.id, element]))
const { count, distance, stall, certificate } = elements
const report = new Report(elements)
const comparison = new Comparison(report, onLost)
let isReduced = false
let letRead

report.showCells(count.valueAsNumber)
openChat(showTransport)

count.addEventListener('input', () => {
  if (!hasSockets() && !isRunning() && count.checkValidity()) report.showCells(count.valueAsNumber)
})
elements['run-form'].addEventListener('submit', (event) => {
  event.preventDefault()
  run()
})
elements.close.addEventListener('click', () => {
  if (!abort(CANCELLED)) close('closed', 'All sockets are closed.')
})
elements.flood.addEventListener('click', () => measure('flooding', (signal) => comparison.flood(signal)))
stall.addEventListener('click', () => {
  if (letRead) letRead()
  else measure('stalling', (signal) => comparison.stall(() => untilResumed(signal), signal))
})
// A user who has accepted the certificate in another tab comes back.
window.addEventListener('focus', () => {
  if (!certificate.hidden && !isRunning()) run()
})

async function run () {
  certificate.hidden = true
  isReduced = count.valueAsNumber > MOST_KEPT
  await measure('opening', async (signal) => {
    await comparison.run(count.valueAsNumber, askForCertificate, signal)
    showTransport(comparison.httpVersion)
  })
}

async function measure (state, measurement) {
  const error = await perform({ rtt: Number(distance.value), state }, measurement)
  if (error instanceof BusyError) showState('failed', error.message)
  else if (error) return close(error === CANCELLED ? 'closed' : 'failed', error.message)
  else showOpen(Object.entries(comparison.open))
  showButtons(hasSockets())
}

function showOpen (open) {
  const counts = open.map(([name, sockets]) => `${sockets} over ${NAMES[name]}`).join(' and ')
  const rest = isReduced ? ' The others were closed when they had been measured: browsers limit their number.' : ''
  if (certificate.hidden) showState('open', `Open: ${counts}.${rest}`)
  else showState('failed', `Open: ${counts}. No socket opened over HTTP/1.1: see there.`)
}

/** Shows the button that lets the stalled handlers read. Resolves when it is used. */
async function untilResumed (signal) {
  stall.textContent = 'Let it read'
  stall.disabled = false
  returnFocus()
  try {
    await new Promise((resolve, reject) => {
      letRead = resolve
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  } finally {
    letRead = undefined
    stall.textContent = 'Stall one reader'
    stall.disabled = true
  }
}

function askForCertificate (origin) {
  elements['certificate-link'].href = `${origin}/`
  certificate.hidden = false
}

function onLost (error) {
  if (!abort(error) && hasSockets()) close('closed', error.message)
}

async function close (state, text) {
  await comparison.close()
  showState(state, text)
  showButtons(false)
}

function hasSockets () {
  return Object.keys(comparison.open).length > 0
}

function showTransport (httpVersion) {
  const { name, reason } = explain(httpVersion, PAGE_PROTOCOL)
  const isHttp2 = name === 'HTTP/2'
  NAMES.http2 = isHttp2 ? name : `${name} (this port)`
  elements['http2-cells'].classList.toggle('shared', isHttp2)
  elements['http2-reason'].textContent = reason
  const names = document.querySelectorAll('h2.http2, th.http2, .legend .http2')
  for (const element of names) element.textContent = NAMES.http2
}
