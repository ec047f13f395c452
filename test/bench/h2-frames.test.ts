import t from 'tap'

// The path is computed, because TypeScript has no types for the benchmark, which is JavaScript.
const path = new URL('../../bench/clients/h2-frames.js', import.meta.url).href
const { beginsWithStatus200 } = await import(path) as { beginsWithStatus200 (block: Buffer): boolean }

const begins = (hex: string): boolean => beginsWithStatus200(Buffer.from(hex, 'hex'))

void t.test('the load generator accepts status 200 after updates of the size of the dynamic table', async (t) => {
  t.ok(begins('88'), 'as most servers send it')
  t.ok(begins('3fe11f88'), 'after an update to 4,096 bytes, as Jetty sends it')
  t.ok(begins('203fe11f88'), 'after two updates')
  for (const hex of ['', '3fe11f', '8d', '3fe11f8d']) t.notOk(begins(hex), hex)
})
