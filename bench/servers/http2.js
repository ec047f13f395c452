/** Starts servers of Node's http2 alone. */
import { once } from 'node:events'
import { createSecureServer, createServer } from 'node:http2'

const OPTIONS = { settings: { enableConnectProtocol: true } }

/** Serves every Extended CONNECT with status 200, and passes its stream to `onStream`. */
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
