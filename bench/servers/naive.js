/** ws over an Http2Stream in a few lines, with Node's defaults for windows, writes and closing. */
import WebSocket from 'ws'
import { listenHttp2 } from './http2.js'

export function listen (options) {
  return listenHttp2(options, (stream) => {
    const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 })
    stream.setNoDelay = () => {}
    socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 100 * 1024 * 1024, allowSynchronousEvents: true })
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
}
