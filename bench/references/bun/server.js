/**
 * Reference server of the benchmark: the echo and the fan-out on Bun.serve, which supports WebSocket over HTTP/1.1 only.
 * Usage: server.js [CERT KEY]
 *
 * It prints its port and version as a line of JSON, answers each line of its standard input with a line after a garbage
 * collection, and exits when the input closes. Defaults of Bun are kept, such as one thread for JavaScript, and messages
 * of up to 16 MiB. The client stays within the default limit of the data that waits for one socket.
 */
import { createInterface } from 'node:readline'
import { TOPIC, encode, messageOf } from '../../servers/messages.js'

const { Bun } = globalThis
const [cert, key] = process.argv.slice(2)

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  tls: cert === undefined ? undefined : { cert: Bun.file(cert), key: Bun.file(key) },
  fetch (request, server) {
    const { pathname, searchParams } = new URL(request.url)
    const data = pathname === '/fan-out' ? { bytes: Number(searchParams.get('bytes')) } : { isEcho: true }
    return server.upgrade(request, { data }) ? undefined : new Response('', { status: 426 })
  },
  websocket: {
    open: (socket) => { if (!socket.data.isEcho) socket.subscribe(TOPIC) },
    message (socket, message) {
      if (socket.data.isEcho) socket.send(message)
      else server.publish(TOPIC, encode(messageOf(socket.data.bytes)))
    }
  }
})

createInterface(process.stdin).on('close', () => process.exit()).on('line', () => {
  Bun.gc(true)
  console.log()
})
console.log(JSON.stringify({ port: server.port, name: 'Bun.serve', version: `Bun ${Bun.version}` }))
