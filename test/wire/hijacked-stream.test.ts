import { once } from 'node:events'
import { connect } from 'node:http2'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import websocket from '../../index.ts'

for (const [name, body] of Object.entries({
  'a short body': 'denied',
  'a body of 1 MB': 'denied'.repeat(2 ** 20 / 6)
})) {
  void t.test(`a hook that hijacks the reply and answers the HTTP/2 stream itself sends ${name}`, async (t) => {
    const app = fastify({ http2: true }) as unknown as FastifyInstance
    await app.register(websocket)
    app.get('/', {
      websocket: true,
      onRequest: (request, reply, _done) => {
        reply.hijack()
        const stream = (request.raw as unknown as Http2ServerRequest).stream as ServerHttp2Stream
        stream.respond({ ':status': 403 })
        stream.end(body)
      }
    }, () => {})
    await app.listen({ port: 0, host: '127.0.0.1' })
    const session = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    t.teardown(async () => { session.destroy(); await app.close() })
    await once(session, 'remoteSettings')

    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13'
    }, { endStream: false })
    stream.on('error', () => {})
    const [response] = await once(stream, 'response')
    t.equal(response[':status'], 403)
    t.equal((await stream.toArray()).join(''), body)
  })
}
