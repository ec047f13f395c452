import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { ClientHttp2Session, Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { Sessions } from '../../../lib/http2/sessions.ts'

interface Served {
  sessions: Sessions
  server: Http2Server
  client: ClientHttp2Session
}

async function serve (t: Test): Promise<Served> {
  const server = createServer()
  const sessions = new Sessions({ receiveWindow: {}, timeout: 50, log: {} as FastifyBaseLogger })
  const stop = sessions.track(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { stop(); client.destroy(); server.close() })
  return { sessions, server, client }
}

// On a server that got its request listener late, a stream is reported before its 'connect'.
void t.test('a session times out after its last socket, in whatever order its streams were registered', async (t) => {
  const { sessions, server, client } = await serve(t)
  const request = client.request({ ':method': 'POST' }, { endStream: false })
  const [stream] = await once(server, 'stream') as [ServerHttp2Stream]
  const session = stream.session as ServerHttp2Session
  sessions.forStream(stream)?.addStream(stream)
  sessions.forStream(stream)?.addSocket(stream)
  stream.respond()
  stream.resume().end()
  request.resume().end()
  await once(session, 'timeout')
  t.ok(stream.destroyed)
})
