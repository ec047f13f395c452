import t from 'tap'
// @ts-expect-error The benchmark is JavaScript.
import { runAutocannon } from '../../bench/clients/autocannon.js'

/** A socket whose messages are echoed in a later turn of the event loop. Records the number of messages in flight. */
class EchoSocket {
  message = Buffer.alloc(10)
  onmessage = (): void => {}
  inFlight = 0
  maxInFlight = 0

  send (times: number): void {
    this.inFlight += times
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight)
    for (let time = 0; time < times; time++) setImmediate(() => this.#reply())
  }

  #reply (): void {
    this.inFlight--
    this.onmessage()
  }
}

void t.test('autocannon keeps to its duration and pipelining with WebSockets in place of connections', async (t) => {
  const sockets = [new EchoSocket(), new EchoSocket(), new EchoSocket()]
  const { replies, seconds, percentiles, table } = await runAutocannon(sockets, { inFlight: 4, seconds: 0.2 })
  t.ok(replies > 12, 'replies trigger further messages')
  t.ok(seconds >= 0.2)
  t.ok(percentiles[50] > 0 && percentiles[99] >= percentiles[50])
  t.same(sockets.map(({ maxInFlight }) => maxInFlight), [4, 4, 4], 'as many messages in flight as pipelined requests')
  t.same(sockets.map(({ inFlight }) => inFlight), [0, 0, 0], 'no message in flight at the end')
  t.match(table, /Req\/Sec/)
})
