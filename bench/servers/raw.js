/**
 * Raw bytes on Http2Streams, without parsing WebSocket frames: the cost of Node's http2 itself. The server returns what
 * it receives, or for the fan-out writes one ready frame to all streams.
 */
import { Sender } from 'ws'
import { listenHttp2 } from './http2.js'
import { encode, messageOf } from './messages.js'

const TEXT = 1

export function listen (options) {
  const streams = new Set()
  return listenHttp2(options, (stream, path) => {
    const { pathname, searchParams } = new URL(path, 'http://localhost')
    if (pathname !== '/fan-out') return stream.on('data', (chunk) => stream.write(chunk))

    const frame = encodeFrame(encode(messageOf(Number(searchParams.get('bytes')))))
    streams.add(stream)
    stream.on('data', () => { for (const each of streams) each.write(frame) })
    stream.on('close', () => streams.delete(stream))
  })
}

function encodeFrame (text) {
  return Buffer.concat(Sender.frame(Buffer.from(text), { fin: true, rsv1: false, opcode: TEXT, mask: false }))
}
