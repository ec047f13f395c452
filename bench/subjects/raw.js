/** Bytes that come back on an Http2Stream, whatever they mean: what Node's http2 costs before there is a WebSocket. */
import { listenHttp2 } from './http2.js'

export function listen (options) {
  return listenHttp2(options, (stream) => stream.on('data', (chunk) => stream.write(chunk)))
}
