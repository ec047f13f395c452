/* global location */
/** The sockets of both transports, and the measurements that the buttons start. */
import { showProgress, showState } from './activity.js'
import { flood, resume, stall } from './experiments.js'
import { NAMES } from './explain.js'
import { showFigures } from './figures.js'
import { measureOpening, measureRoundTrips } from './measurements.js'
import { SocketError, closeSocket } from './open-socket.js'
import { PAGE_ID, measureMemory, readFigures } from './server.js'
import { Sockets } from './sockets.js'

// Chromium has at most 255 sockets open for a page, which are 200, these, and those of the chat and of the measurement.
export const MOST_KEPT = 50
/** For each transport: to open, and to measure. Then the memory. */
const STEPS = 5

export class Comparison {
  #transports = {}
  #report
  #onLost

  /** `onLost` is called with the error of a socket that the server or the network has closed. */
  constructor (report, onLost) {
    this.#report = report
    this.#onLost = onLost
  }

  /** The number of open sockets, by transport. */
  get open () {
    return Object.fromEntries(Object.entries(this.#transports).map(([name, { count }]) => [name, count]))
  }

  /** HTTP version of the sockets to the page's own port, as the server reports it. */
  get httpVersion () {
    return this.#transports.http2?.httpVersion
  }

  /** Opens and measures sockets. `onUnreachable` is called if the port of HTTP/1.1 accepts none. */
  async run (count, onUnreachable, signal) {
    await this.close()
    this.#report.clear(count)
    const { http1 } = await readFigures()
    const http1Origin = `https://${location.hostname}:${http1.port}`
    await this.#measure('http2', location.origin, count, 0, signal)
    await this.#measure('http1', http1Origin, count, 2, signal).catch((error) => {
      if (!(error instanceof SocketError) || error.opened > 0) throw error
      delete this.#transports.http1
      onUnreachable(http1Origin)
    })
    showState('measuring', 'Measuring the memory of the server, once.')
    showProgress(4 / STEPS)
    await measureMemory(signal)
    this.#report.showMemory(await readFigures(), this.httpVersion === '2')
  }

  async #measure (name, origin, count, step, signal) {
    const sockets = this.#transports[name] = new Sockets(origin, PAGE_ID, this.#onLost)
    showState('opening', `Opening ${count} sockets over ${NAMES[name]}.`)
    this.#report.showOpened(name, await measureOpening(name, sockets, count, (times) => {
      showProgress((step + times.length / count) / STEPS)
      this.#report.showOpening(name, times)
    }, signal))
    showState('measuring', `Measuring round trips over ${NAMES[name]}.`)
    showProgress((step + 1) / STEPS)
    const onSample = (sample) => this.#report.addRoundTrip(name, sample)
    this.#report.showRoundTrips(name, await measureRoundTrips(name, sockets, onSample, signal))
    if (count <= MOST_KEPT) return
    await sockets.close(count - MOST_KEPT)
    this.#report.showRest(name, sockets.count, (await readFigures())[name].carriers)
  }

  async flood (signal) {
    for (const [name, sockets] of Object.entries(this.#transports)) {
      showState('flooding', `One more socket over ${NAMES[name]} receives all it can.`)
      showFigures(name, await flood(sockets, (figures) => showFigures(name, figures), signal))
    }
  }

  /** Stalls a reader of each transport until `isResumed` resolves. */
  async stall (isResumed, signal) {
    const stalled = {}
    try {
      for (const [name, sockets] of Object.entries(this.#transports)) {
        showState('stalling', `Sending over ${NAMES[name]} to a stalled handler.`)
        stalled[name] = await stall(name, sockets, signal)
        showFigures(name, stalled[name].figures)
      }
      showState('stalled', 'One reader of each is stalled. The others continue.')
      await isResumed()
      showState('stalling', 'The handlers read.')
      await resume(stalled, showFigures, signal)
    } finally {
      for (const { socket } of Object.values(stalled)) closeSocket(socket)
    }
  }

  async close () {
    const closing = Object.entries(this.#transports)
    this.#transports = {}
    await Promise.all(closing.map(([, sockets]) => sockets.close()))
    for (const [name] of closing) this.#report.showRest(name, 0, 0)
  }
}
