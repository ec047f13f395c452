/** Variants that several scenarios measure. A variant is a server and the transport over which its clients connect. */
import { referenceVariants } from '../references/index.js'

export const TRANSPORTS = {
  h1: { label: 'HTTP/1.1', server: 'plugin', transport: 'h1' },
  h2: { label: 'HTTP/2', server: 'plugin', transport: 'h2' }
}

/** Other echo servers, to compare the plugin with. Servers in other languages are included if they are installed. */
export const OTHER_SERVERS = {
  'fastify-websocket': { label: '@fastify/websocket, HTTP/1.1', server: 'fastify-websocket', transport: 'h1' },
  ws: { label: 'ws without Fastify, HTTP/1.1', server: 'ws', transport: 'h1' },
  raw: { label: 'Http2Stream without WebSocket', server: 'raw', transport: 'h2' },
  naive: { label: 'ws over Http2Stream, naive', server: 'naive', transport: 'h2' },
  ...referenceVariants('echo')
}
