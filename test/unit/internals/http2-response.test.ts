import { once } from 'node:events'
import { Http2ServerResponse, createServer } from 'node:http2'
import type { Http2Server, Http2ServerRequest, ServerHttp2Stream, ServerOptions } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { detachResponse } from '../../../lib/internals/http2-response.ts'
import { FrameClient } from '../../helpers/h2-frames.ts'
import { allClosed } from '../../helpers/waiting.ts'

const EVENTS = ['aborted', 'close', 'drain', 'timeout', 'wantTrailers']

/** False before Node 24, whose listeners for 'timeout' differ for each stream. */
const IS_SUPPORTED = Number(process.versions.node.split('.')[0]) >= 24

interface Connect {
  server: Http2Server
  client: FrameClient
  request: Http2ServerRequest
  response: Http2ServerResponse
  stream: ServerHttp2Stream
}

async function connect (t: Test, options: ServerOptions = {}): Promise<Connect> {
  const server = createServer({ ...options, settings: { enableConnectProtocol: true } }).on('request', () => {})
  const connected = once(server, 'connect')
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const client = await FrameClient.open((server.address() as AddressInfo).port)
  t.teardown(() => client.destroy())
  client.connect(1, '/')
  const [request, response] = await connected
  return { server, client, request, response, stream: request.stream }
}

function countListeners (stream: ServerHttp2Stream): number[] {
  return EVENTS.map((event) => stream.listenerCount(event))
}

function references (stream: object, value: object): boolean {
  return Object.getOwnPropertySymbols(stream).some((symbol) => Reflect.get(stream, symbol) === value)
}

void t.test('detachResponse: the response and its listeners are detached, and the stream works without them', async (t) => {
  const { server, client, response, request, stream } = await connect(t)
  t.same(countListeners(stream), [2, 2, 1, 2, 1])
  t.ok(references(stream, response))
  detachResponse(server, stream, response)
  if (!IS_SUPPORTED) {
    t.ok(references(stream, response))
    return
  }
  t.same(countListeners(stream), [1, 1, 0, 1, 0], 'those of the request are left')
  t.notOk(references(stream, response), 'otherwise Node references it elsewhere')
  t.ok(references(stream, request))

  stream.respond({ ':status': 200 })
  for (const event of ['drain', 'timeout']) stream.emit(event)
  stream.end('end')
  t.match(await client.response(1), { ':status': '200' })
  const closed = allClosed([stream])
  client.rst(1)
  await closed
})

void t.test('detachResponse: a response is not detached if another listener for the event may use it', async (t) => {
  const { server, response, stream } = await connect(t)
  server.on('connect', () => {}).on('connect', () => {})
  detachResponse(server, stream, response)
  t.ok(references(stream, response))
})

void t.test('detachResponse: a response of another class is not detached', async (t) => {
  class Response extends Http2ServerResponse {}
  const { server, response, stream } = await connect(t, { Http2ServerResponse: Response } as unknown as ServerOptions)
  t.ok(response instanceof Response)
  detachResponse(server, stream, response)
  t.ok(references(stream, response))
})
