/** An echo of raw bytes on an Http2Stream, without parsing WebSocket frames: the cost of Node's http2 itself. */
import { listenHttp2 } from './http2.js'

export function listen (options) {
  return listenHttp2(options, (stream) => stream.on('data', (chunk) => stream.write(chunk)))
}
