/**
 * autocannon with WebSockets. autocannon itself supports HTTP/1.1 only; here each of its clients gets a WebSocket in
 * place of its connection, so that a message counts as a request and its echo as the response. `setupClient` is
 * documented, but the methods of a client are not: autocannon's version is pinned, and test/bench/autocannon.test.ts
 * fails if they change.
 */
import { createHistogram } from 'node:perf_hooks'
import autocannon from 'autocannon'

const PERCENTILES = [50, 99, 99.9]

/**
 * Exchanges messages on open sockets with autocannon's schedule.
 *
 * @param sockets one for each of autocannon's connections
 * @param options `inFlight`: messages in flight on each socket; `seconds`: the duration
 */
export async function runAutocannon (sockets, { inFlight, seconds }) {
  // autocannon's own histogram has a resolution of 1 ms.
  const nanoseconds = createHistogram({ figures: 3 })
  const adapters = sockets.map((socket) => new ConnectionAdapter(socket, nanoseconds))
  const unattached = [...adapters]
  const begin = performance.now()
  const result = await autocannon({
    url: 'http://localhost',
    connections: sockets.length,
    pipelining: inFlight,
    duration: seconds,
    sampleInt: seconds * 1000 / 10,
    timeout: 30,
    setupClient: (client) => unattached.pop().attachTo(client)
  })
  const elapsed = (performance.now() - begin) / 1000
  await Promise.all(adapters.map((adapter) => adapter.finished))

  const replies = nanoseconds.count
  if (replies === 0) throw new Error('the server sent no replies')
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`autocannon counted ${result.errors} errors`)
  return {
    replies,
    seconds: elapsed,
    percentiles: Object.fromEntries(PERCENTILES.map((each) => [each, nanoseconds.percentile(each) / 1000])),
    table: autocannon.printResult(result, {})
  }
}

/** Adapts a WebSocket to the connection that one of autocannon's clients expects. */
class ConnectionAdapter {
  /** Resolves when autocannon has stopped and all replies have arrived, so the socket can be used for another run. */
  finished
  #finish
  #socket
  #nanoseconds
  #client
  #awaited = 0
  #isStopping = false

  constructor (socket, nanoseconds) {
    this.#socket = socket
    this.#nanoseconds = nanoseconds
    this.finished = new Promise((resolve) => { this.#finish = resolve })
  }

  attachTo (client) {
    this.#client = client
    client._connect = () => this.#connect()
    client._destroyConnection = () => this.#disconnect()
  }

  #connect () {
    this.#client.conn = { write: () => this.#send() }
    this.#socket.onmessage = () => this.#receive()
    for (let sent = 0; sent < this.#client.opts.pipelining; sent++) this.#client._doRequest()
  }

  #disconnect () {
    this.#isStopping = true
    if (this.#awaited === 0) this.#finish()
  }

  #send () {
    this.#awaited++
    this.#socket.send(1)
  }

  #receive () {
    this.#awaited--
    if (this.#isStopping) return this.#awaited === 0 && this.#finish()

    const { duration } = this.#client.pipelinedRequests.terminateRequest()
    this.#nanoseconds.record(Math.max(1, Math.round(duration * 1e6)))
    this.#client.emit('response', 200, this.#socket.message.length, duration, this.#client.rate)
    this.#client._doRequest()
  }
}
