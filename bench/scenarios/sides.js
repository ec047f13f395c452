/** Who is measured. A side is a server and the transport that it is asked over. */
import { isInstalled, references } from '../references/index.js'

export const TRANSPORTS = {
  h1: { label: 'HTTP/1.1', subject: 'plugin', transport: 'h1' },
  h2: { label: 'HTTP/2', subject: 'plugin', transport: 'h2' }
}

/** Others that echo. Those of other languages take part where they are installed, and keep their defaults. */
export const REFERENCES = {
  'fastify-websocket': { label: '@fastify/websocket, HTTP/1.1', subject: 'fastify-websocket', transport: 'h1' },
  ws: { label: 'ws alone, HTTP/1.1', subject: 'ws', transport: 'h1' },
  raw: { label: 'Http2Stream without WebSocket', subject: 'raw', transport: 'h2' },
  naive: { label: 'ws over Http2Stream, as one finds it', subject: 'naive', transport: 'h2' },
  ...Object.fromEntries(references.filter(isInstalled).map(({ name, label }) => (
    [name, { label, subject: name, transport: 'h2' }]
  )))
}
