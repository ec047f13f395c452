import t from 'tap'
import { SIZES, build, trace } from '../helpers/traced-app.ts'
import { H1, H1_TLS, H2C, H2_TLS } from '../helpers/transports.ts'

interface Span {
  name: string
  type?: string
  length?: number
  events: string[]
}

const PROGRAMS = { 'a CommonJS program': 'app.cjs', 'an ES module': 'app.mjs' }

const SENT = [...SIZES.flatMap((length) => [['string', length], ['object', length]]), ['string', 'published'.length]]

t.setTimeout(300_000)
const entry = await build(t)

for (const [program, name] of Object.entries(PROGRAMS)) {
  for (const transport of program === 'an ES module' ? [H1, H2_TLS] : [H1, H1_TLS, H2C, H2_TLS]) {
    void t.test(`${transport.name}, ${program}: OpenTelemetry's ws instrumentation has a span of each message that is sent or published, and an event of each that is received`, async (t) => {
      const spans = await trace(t, entry, transport, ['--require', './opentelemetry.cjs', name]) as Span[]
      const named = (name: string): Span[] => spans.filter((span) => span.name === name)
      t.same(named('WS send').map(({ type, length }) => [type, length]), SENT)
      t.same(named('WS open').map(({ events }) => events), [Array(SENT.length + 1).fill('ws.incoming-message')])
      t.equal(named('WS upgrade').length, 1)
    })
  }
}
