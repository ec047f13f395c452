import t from 'tap'
// @ts-expect-error The benchmark is JavaScript.
import { runAutocannon } from '../bench/clients/autocannon.js'

/** A socket whose server answers a turn later, and that knows how much was ever in flight. */
class EchoSocket {
  message = Buffer.alloc(10)
  onmessage = (): void => {}
  inFlight = 0
  most = 0

  send (times: number): void {
    this.inFlight += times
    this.most = Math.max(this.most, this.inFlight)
    for (let time = 0; time < times; time++) setImmediate(() => this.#answer())
  }

  #answer (): void {
    this.inFlight--
    this.onmessage()
  }
}

void t.test('autocannon keeps its schedule with a WebSocket in place of each connection', async (t) => {
  const sockets = [new EchoSocket(), new EchoSocket(), new EchoSocket()]
  const { answers, seconds, percentiles, table } = await runAutocannon(sockets, { depth: 4, seconds: 0.2 })
  t.ok(answers > 100, 'requests go on as answers come')
  t.ok(seconds >= 0.2)
  t.ok(percentiles[50] > 0 && percentiles[99] >= percentiles[50])
  t.same(sockets.map(({ most }) => most), [4, 4, 4], 'as many in flight as it pipelines')
  t.same(sockets.map(({ inFlight }) => inFlight), [0, 0, 0], 'none when it has ended')
  t.match(table, /Req\/Sec/)
})
