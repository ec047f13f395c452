/** Variants that several scenarios measure. A variant is a server and the transport over which its clients connect. */

export const TRANSPORTS = {
  h1: { label: 'HTTP/1.1', server: 'plugin', transport: 'h1' },
  h2: { label: 'HTTP/2', server: 'plugin', transport: 'h2' }
}

/** Other echo servers on Node.js, to compare the plugin with, and the plugin on the server of @fastify/websocket. */
export const OTHER_SERVERS = {
  'plugin-http1': { label: 'HTTP/1.1, server without HTTP/2', server: 'plugin-http1', transport: 'h1' },
  'fastify-websocket': { label: '@fastify/websocket, HTTP/1.1', server: 'fastify-websocket', transport: 'h1' },
  ws: { label: 'ws without Fastify, HTTP/1.1', server: 'ws', transport: 'h1' },
  raw: { label: 'Http2Stream without WebSocket', server: 'raw', transport: 'h2' },
  naive: { label: 'ws over Http2Stream, naive', server: 'naive', transport: 'h2' }
}
