/** Starts servers of Node's http2 alone. */
import { once } from 'node:events'
import { createSecureServer, createServer } from 'node:http2'

// Node's default memory of a session is too small for 10,000 streams.
const OPTIONS = { settings: { enableConnectProtocol: true }, maxSessionMemory: 1000 }

/** Serves every Extended CONNECT with status 200, and passes its stream and path to `onStream`. */
export async function listenHttp2 ({ tls }, onStream) {
  const server = tls === undefined ? createServer(OPTIONS) : createSecureServer({ ...OPTIONS, ...tls })
  server.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    onStream(stream, path)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { h2: server.address().port }
}
