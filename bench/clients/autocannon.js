/**
 * autocannon speaks HTTP/1.1 only. Here it keeps its schedule and its tables, and a WebSocket takes the place of each
 * of its connections: a message is a request, its echo the response. `setupClient` is documented, what a client does
 * with its connection is not: the version is pinned, and test/bench-autocannon.test.ts fails where it changes.
 */
import { createHistogram } from 'node:perf_hooks'
import autocannon from 'autocannon'

const PERCENTILES = [50, 99, 99.9]

/**
 * @param sockets that are open, one for each connection
 * @param options `depth`: messages in flight on each; `seconds`
 */
export async function runAutocannon (sockets, { depth, seconds }) {
  // autocannon's own histogram has whole milliseconds.
  const nanoseconds = createHistogram({ figures: 3 })
  const rides = sockets.map((socket) => new Ride(socket, nanoseconds))
  const waiting = [...rides]
  const begin = performance.now()
  const result = await autocannon({
    url: 'http://localhost',
    connections: sockets.length,
    pipelining: depth,
    duration: seconds,
    sampleInt: seconds * 1000 / 10,
    timeout: 30,
    setupClient: (client) => waiting.pop().carry(client)
  })
  const elapsed = (performance.now() - begin) / 1000
  await Promise.all(rides.map((ride) => ride.over))

  const answers = nanoseconds.count
  if (answers === 0) throw new Error('the server answered nothing')
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`autocannon counts ${result.errors} errors`)
  return {
    answers,
    seconds: elapsed,
    percentiles: Object.fromEntries(PERCENTILES.map((each) => [each, nanoseconds.percentile(each) / 1000])),
    table: autocannon.printResult(result, {})
  }
}

/** A socket that carries the requests of one of autocannon's clients. */
class Ride {
  /** Resolves when autocannon has ended and all answers are in: the next run begins with a quiet socket. */
  over
  #end
  #socket
  #nanoseconds
  #client
  #expected = 0
  #hasEnded = false

  constructor (socket, nanoseconds) {
    this.#socket = socket
    this.#nanoseconds = nanoseconds
    this.over = new Promise((resolve) => { this.#end = resolve })
  }

  carry (client) {
    this.#client = client
    client._connect = () => this.#connect()
    client._destroyConnection = () => this.#disconnect()
  }

  #connect () {
    this.#client.conn = { write: () => this.#send() }
    this.#socket.onmessage = () => this.#receive()
    for (let ahead = 0; ahead < this.#client.opts.pipelining; ahead++) this.#client._doRequest()
  }

  #disconnect () {
    this.#hasEnded = true
    if (this.#expected === 0) this.#end()
  }

  #send () {
    this.#expected++
    this.#socket.send(1)
  }

  #receive () {
    this.#expected--
    if (this.#hasEnded) return this.#expected === 0 && this.#end()

    const { duration } = this.#client.pipelinedRequests.terminateRequest()
    this.#nanoseconds.record(Math.max(1, Math.round(duration * 1e6)))
    this.#client.emit('response', 200, this.#socket.message.length, duration, this.#client.rate)
    this.#client._doRequest()
  }
}
