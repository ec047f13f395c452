import t from 'tap'

const MBIT = 1e6 / 8

interface SimulatedLink {
  maxWindow: number
  congestion (now: number): number
  advance (now: number): number
}

interface OneWay {
  window: number
  unsentBytes: number
  push (chunk: Buffer | null): void
  unblock (now: number): void
}

// The path is computed, because TypeScript has no types for the benchmark, which is JavaScript.
const { Link, Flow } = await import(new URL('../../bench/link.js', import.meta.url).href) as {
  Link: new (options: { rtt: number, rate?: number, maxWindow?: number }) => SimulatedLink
  Flow: new (link: SimulatedLink, from: Sender, to: Receiver, openAt: number) => OneWay
}

/** A socket that always has data, unless it is paused. */
class Sender {
  isPaused = false
  pause (): void { this.isPaused = true }
  resume (): void { this.isPaused = false }
}

class Receiver {
  writableNeedDrain = false
  received: Buffer[] = []
  isEnded = false
  write (chunk: Buffer): void { this.received.push(chunk) }
  end (): void { this.isEnded = true }
  get bytes (): number { return this.received.reduce((sum, { length }) => sum + length, 0) }
}

function connect (link: SimulatedLink, openAt = 0): { from: Sender, to: Receiver, flow: OneWay, fill: () => void } {
  const [from, to] = [new Sender(), new Receiver()]
  const flow = new Flow(link, from, to, openAt)
  const chunk = Buffer.alloc(64 * 1024)
  return { from, to, flow, fill: () => { while (!from.isPaused) flow.push(chunk) } }
}

type Connection = ReturnType<typeof connect>

/** Lets connections send as much as they can, in steps of 1 ms. */
function run (link: SimulatedLink, connections: Connection[], begin: number, end: number): void {
  for (let now = begin; now < end; now++) {
    for (const { fill } of connections) fill()
    link.advance(now)
  }
}

for (const [rate, rtt] of [[100, 20], [300, 50], [1000, 20]] as const) {
  void t.test(`a link of ${rate} Mbit/s and ${rtt} ms carries ${rate} Mbit/s`, async (t) => {
    const link = new Link({ rtt, rate })
    const connection = connect(link)
    run(link, [connection], 0, 2000)
    const before = connection.to.bytes
    run(link, [connection], 2000, 3000)
    const mbits = (connection.to.bytes - before) / MBIT
    t.ok(Math.abs(mbits - rate) < rate * 0.005, `${mbits} Mbit/s`)
  })
}

void t.test('connections share the rate of a link, and none of them starves', async (t) => {
  const link = new Link({ rtt: 20, rate: 100 })
  const connections = Array.from({ length: 8 }, () => connect(link))
  run(link, connections, 0, 4000)
  const bytes = connections.map(({ to }) => to.bytes)
  t.ok(Math.abs(bytes.reduce((sum, each) => sum + each) / 4 / MBIT - 100) < 2, 'the rate is that of the link')
  t.ok(Math.max(...bytes) < Math.min(...bytes) * 4, bytes.join())
})

void t.test('the queue of a link holds at most one bandwidth-delay product', async (t) => {
  const link = new Link({ rtt: 20, rate: 100 })
  const connections = Array.from({ length: 8 }, () => connect(link))
  let highest = 0
  for (let now = 0; now < 1000; now++) {
    run(link, connections, now, now + 1)
    highest = Math.max(highest, link.congestion(now))
  }
  t.ok(highest > 0.5 && highest < 1.1, String(highest))
})

void t.test('a connection has at most its window in flight, so one alone does not fill a long and fast link', async (t) => {
  const link = new Link({ rtt: 50, rate: 1000 })
  const connection = connect(link)
  run(link, [connection], 0, 2000)
  const before = connection.to.bytes
  run(link, [connection], 2000, 3000)
  const expected = link.maxWindow / 0.05
  t.ok(Math.abs(connection.to.bytes - before - expected) < expected * 0.05)
})

void t.test('the window of a connection doubles in each round trip until the link is full', async (t) => {
  const link = new Link({ rtt: 50, rate: 300 })
  const connection = connect(link)
  const windows = [0, 1, 2, 3, 4, 5, 6].map((trip) => {
    run(link, [connection], trip * 50, (trip + 1) * 50)
    return connection.flow.window
  })
  t.same(windows, [0, 1, 2, 3, 4, 5, 6].map((trip) => 14_600 * 2 ** trip))
  run(link, [connection], 350, 2000)
  t.ok(connection.flow.window < 2 * 300 * MBIT * 0.05, 'the window stops growing while the queue is half full')
})

void t.test('a connection that sends little keeps its initial window', async (t) => {
  const link = new Link({ rtt: 50, rate: 300 })
  const { flow } = connect(link)
  for (let now = 0; now < 5000; now += 10) {
    flow.push(Buffer.alloc(64))
    link.advance(now)
  }
  t.equal(flow.window, 14_600)
})

void t.test('bytes arrive after half of the round trip, in order, and not before the connection is open', async (t) => {
  const link = new Link({ rtt: 20, rate: 100 })
  const { flow, to } = connect(link, 20)
  flow.push(Buffer.from('first,'))
  flow.push(Buffer.from('second'))
  flow.push(null)
  t.equal(link.advance(0), 20, 'the time at which the connection is open')
  const arrival = link.advance(20)
  t.ok(arrival > 30 && arrival < 30.1, String(arrival))
  link.advance(29)
  t.equal(to.bytes, 0)
  link.advance(31)
  t.equal(Buffer.concat(to.received).toString(), 'first,second')
  t.equal(to.isEnded, true)
})

void t.test('a receiver that does not read stops its sender, and no other connection', async (t) => {
  const link = new Link({ rtt: 20, rate: 100, maxWindow: 256 * 1024 })
  const [stalled, other] = [connect(link), connect(link)]
  stalled.to.writableNeedDrain = true
  run(link, [stalled, other], 0, 1000)
  t.equal(stalled.to.bytes, 0)
  t.equal(stalled.from.isPaused, true)
  t.ok(other.to.bytes > 8e6, String(other.to.bytes))
  stalled.to.writableNeedDrain = false
  stalled.flow.unblock(1000)
  run(link, [stalled], 1000, 1100)
  t.ok(stalled.to.bytes > 256 * 1024)
})
