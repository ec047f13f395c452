/* global document */
/** The state of the page, and the one measurement that may run. */
import { whileMeasuring } from './server.js'

const elements = Object.fromEntries(['state', 'progress', 'run', 'close', 'stall', 'flood']
  .map((id) => [id, document.getElementById(id)]))

let controller
/** The button that started the measurement: it is disabled meanwhile, and cannot have the focus. */
let starter

export function isRunning () {
  return controller !== undefined
}

export function showState (name, text) {
  elements.state.dataset.state = name
  elements.state.textContent = text
}

export function showProgress (share) {
  elements.progress.value = share
}

/** Ends the measurement that runs, with an error. Returns false if there is no such measurement. */
export function abort (error) {
  controller?.abort(error)
  return isRunning()
}

/** Runs a measurement at a distance, and shows a state. Resolves to the error, if it failed. */
export async function perform ({ rtt, state }, measure) {
  controller = new AbortController()
  starter = document.activeElement
  showState(state, 'Preparing.')
  const { signal } = controller
  showButtons(false)
  try {
    await whileMeasuring(rtt, () => measure(signal))
  } catch (error) {
    return signal.aborted ? signal.reason : error
  } finally {
    controller = undefined
    showProgress(0)
  }
}

/** Enables the buttons for what is possible with open sockets, or without. */
export function showButtons (hasSockets) {
  elements.run.disabled = isRunning()
  elements.close.disabled = !isRunning() && !hasSockets
  elements.close.textContent = isRunning() ? 'Cancel' : 'Close all'
  elements.stall.disabled = elements.flood.disabled = !hasSockets
  if (isRunning() && starter?.disabled) elements.close.focus({ preventScroll: true })
  else returnFocus()
}

/** Moves the focus from "Cancel" to the button that started the measurement, if that can be used again. */
export function returnFocus () {
  const isLost = [elements.close, document.body].includes(document.activeElement)
  if (isLost) starter?.focus({ preventScroll: true })
}
