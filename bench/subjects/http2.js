import { once } from 'node:events'
import { createSecureServer, createServer } from 'node:http2'

const OPTIONS = { settings: { enableConnectProtocol: true } }

/** A server of Node's http2 and nothing else, which answers each Extended CONNECT with 200. */
export async function listenHttp2 ({ tls }, onStream) {
  const server = tls === undefined ? createServer(OPTIONS) : createSecureServer({ ...OPTIONS, ...tls })
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    onStream(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { h2: server.address().port }
}
