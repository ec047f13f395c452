import t from 'tap'
import { SIZES, build, trace } from '../helpers/traced-app.ts'
import { H1, H1_TLS, H2C, H2_TLS } from '../helpers/transports.ts'

interface Span {
  name: string
  resource: string
  meta: Record<string, string>
  metrics: Record<string, number>
}

const ENV = {
  DD_TRACE_EXPERIMENTAL_EXPORTER: 'log',
  DD_TRACE_WEBSOCKET_MESSAGES_ENABLED: 'true',
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
  DD_REMOTE_CONFIGURATION_ENABLED: 'false',
  DD_TRACE_STARTUP_LOGS: 'false',
  DD_TRACE_DNS_ENABLED: 'false'
}

const PROGRAMS = {
  'a CommonJS program': ['--require', 'dd-trace/init', 'app.cjs'],
  // Without the warnings of Node.js about the loader.
  'an ES module': ['--no-warnings', '--import', 'dd-trace/initialize.mjs', 'app.mjs']
}

const MESSAGES = SIZES.flatMap((size) => [`text ${size}`, `binary ${size}`])

const EXPECTED = [
  'web.request GET /echo 101',
  ...MESSAGES.flatMap((message) => [`websocket.receive ${message}`, `websocket.send ${message}`]),
  'websocket.receive text 7', 'websocket.send text 9', 'websocket.receive text 3'
].sort()

const [major = 0] = process.versions.node.split('.').map(Number)
const skip = major < 22 && 'dd-trace 6 needs Node.js 22'
t.setTimeout(300_000)

if (skip === false) {
  const entry = await build(t)
  for (const [program, parameters] of Object.entries(PROGRAMS)) {
    for (const transport of program === 'an ES module' ? [H1, H2_TLS] : [H1, H1_TLS, H2C, H2_TLS]) {
      void t.test(`${transport.name}, ${program}: dd-trace has one span of the handshake and of each message, also of a published one`, async (t) => {
        const lines = await trace(t, entry, transport, parameters, ENV) as Array<{ traces?: Span[][] }>
        const spans = lines.flatMap(({ traces = [] }) => traces.flat()).map(describe).sort()
        // One by the handler, one by the answer of the client, and one by app.close() if the connection is still open.
        const isClose = (span: string): boolean => span === 'websocket.close'
        t.ok(spans.some(isClose))
        t.same(spans.filter((span) => !isClose(span)), EXPECTED)
      })
    }
  }
} else {
  void t.test('dd-trace', { skip }, async () => {})
}

function describe ({ name, resource, meta, metrics }: Span): string {
  if (name === 'web.request' || name === 'fastify.request') return `${name} ${resource} ${meta['http.status_code']}`
  const [type, size] = [meta['websocket.message.type'], metrics['websocket.message.length']]
  return [name, type, size].filter((each) => each !== undefined).join(' ')
}
