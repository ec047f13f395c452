/**
 * Reference server of the benchmark: the fan-out on Bun.serve, which supports WebSocket over HTTP/1.1 only. Usage:
 * server.js [CERT KEY]
 *
 * It prints its port and version as a line of JSON, and exits when its standard input closes. Defaults of Bun are kept,
 * with one exception: the client stays within its limit of the data that waits for one socket.
 */
import { TOPIC, encode, messageOf } from '../../servers/messages.js'

const { Bun } = globalThis
const [cert, key] = process.argv.slice(2)

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  tls: cert === undefined ? undefined : { cert: Bun.file(cert), key: Bun.file(key) },
  fetch (request, server) {
    const bytes = Number(new URL(request.url).searchParams.get('bytes'))
    return server.upgrade(request, { data: { bytes } }) ? undefined : new Response('', { status: 426 })
  },
  websocket: {
    open: (socket) => socket.subscribe(TOPIC),
    message: (socket) => { server.publish(TOPIC, encode(messageOf(socket.data.bytes))) }
  }
})

process.stdin.on('end', () => process.exit())
process.stdin.resume()
console.log(JSON.stringify({ port: server.port, name: 'Bun.serve', version: `Bun ${Bun.version}` }))
