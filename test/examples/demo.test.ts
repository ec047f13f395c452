import t from 'tap'

// The paths are computed, because TypeScript has no types for the examples, which are JavaScript.
const load = (file: string): Promise<unknown> => import(new URL(`../../examples/demo/${file}`, import.meta.url).href)

const { BINS, Histogram, percentile } = await load('page/statistics.js') as {
  BINS: number[]
  Histogram: new () => { add (sample: number): void, shares (): number[] }
  percentile (sorted: number[], share: number): number | undefined
}
const { explain } = await load('page/explain.js') as {
  explain (httpVersion: string, pageProtocol: string): { name: string, reason: string }
}
const { OpenSockets } = await load('open-sockets.js') as {
  OpenSockets: new () => {
    add (socket: unknown, request: unknown): void
    count (page?: string): { openSockets: number, carriers: number }
  }
}

void t.test('percentile() returns the smallest sample that covers a share of all samples', (t) => {
  const samples = Array.from({ length: 200 }, (_, index) => index + 1)
  t.equal(percentile(samples, 0.5), 100)
  t.equal(percentile(samples, 0.99), 198)
  t.equal(percentile(samples, 1), 200)
  t.equal(percentile([7], 0.5), 7, 'one sample is every percentile')
  t.equal(percentile([], 0.5), undefined, 'no sample, no percentile')
  t.end()
})

void t.test('the histogram of the demo counts each sample in the bin whose lower bound it has reached', (t) => {
  const histogram = new Histogram()
  t.ok(histogram.shares().every((share) => share === 0), 'without samples all shares are 0')
  const [lowerBound = 0] = BINS.slice(40)
  histogram.add(lowerBound * 1.05)
  histogram.add(lowerBound * 1.05)
  histogram.add(0)
  histogram.add(1e9)
  const shares = histogram.shares()
  t.equal(shares[40], 0.5)
  t.equal(shares[0], 0.25, 'a sample below all bins is in the first')
  t.equal(shares.at(-1), 0.25, 'a sample above all bins is in the last')
  t.equal(shares.reduce((sum, share) => sum + share), 1)
  t.end()
})

void t.test('the demo says why sockets run over HTTP/2 or HTTP/1.1', (t) => {
  t.match(explain('2', 'h2'), { name: 'HTTP/2', reason: /Extended CONNECT/ })
  t.match(explain('1.1', 'h2'), { name: 'HTTP/1.1', reason: /Safari/ })
  t.match(explain('1.1', 'http/1.1'), { name: 'HTTP/1.1', reason: /proxy without HTTP\/2/ })
  t.match(explain('1.1', ''), { name: 'HTTP/1.1', reason: /unknown protocol/ }, 'a browser may hide the protocol')
  t.end()
})

void t.test('the demo counts the open sockets of a page, and the connections that carry them', (t) => {
  const sockets = new OpenSockets()
  const session = {}
  const closes: Array<() => void> = []
  const open = (page: string, raw: object): void => {
    sockets.add({ on: (_: string, close: () => void) => closes.push(close) }, { query: { page }, raw })
  }
  open('a', { stream: { session } })
  open('a', { stream: { session } })
  open('b', { socket: {} })
  open('b', { socket: {} })
  t.same(sockets.count('a'), { openSockets: 2, carriers: 1 }, 'streams share a session')
  t.same(sockets.count('b'), { openSockets: 2, carriers: 2 }, 'each has a connection of its own')
  t.same(sockets.count(), { openSockets: 4, carriers: 3 }, 'all pages')
  closes.at(-1)?.()
  t.same(sockets.count('b'), { openSockets: 1, carriers: 1 }, 'a closed socket is not counted')
  t.end()
})
