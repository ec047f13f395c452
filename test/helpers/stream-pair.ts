import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { ClientHttp2Stream, Http2Server, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { FrameClient } from './h2-frames.ts'

/** Opens a stream of a plain HTTP/2 server with a client of Node, and returns its two ends. */
export async function openStreamPair (t: Test): Promise<[stream: ServerHttp2Stream, client: ClientHttp2Stream]> {
  const [server, port] = await listen(t)
  const session = connect(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())
  const client = session.request({ ':method': 'POST' }, { endStream: false })
  client.on('error', () => {})
  const [stream] = await once(server, 'stream') as [ServerHttp2Stream]
  return [stream, client]
}

/** Opens stream 1 of a plain HTTP/2 server with a client that sends single frames. */
export async function openFrameStream (t: Test): Promise<[stream: ServerHttp2Stream, client: FrameClient]> {
  const [server, port] = await listen(t)
  const client = await FrameClient.open(port)
  t.teardown(() => client.destroy())
  client.headers(1, client.connectFields('/', { ':method': 'POST', ':protocol': undefined }))
  const [stream] = await once(server, 'stream') as [ServerHttp2Stream]
  return [stream, client]
}

async function listen (t: Test): Promise<[server: Http2Server, port: number]> {
  const server = createServer()
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return [server, (server.address() as AddressInfo).port]
}
