'use strict'

// Loaded before a program, with --require: prints each span of its sockets as a line of JSON.
const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node')
const { WSInstrumentation } = require('opentelemetry-instrumentation-ws')

const exporter = {
  export (spans, done) {
    for (const { name, attributes, events } of spans) {
      console.log(JSON.stringify({ name, ...attributes, events: events.map((event) => event.name) }))
    }
    done({ code: 0 })
  },
  async shutdown () {}
}

const instrumentation = new WSInstrumentation()
instrumentation.setTracerProvider(new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
// Its constructor ignores the options.
instrumentation.setConfig({
  sendSpans: true,
  messageEvents: true,
  sendHook: (span, { payload: { data } }) => span.setAttributes({ type: typeof data, length: data.length })
})
