import { once } from 'node:events'
import { connect, constants, createServer } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { Sessions } from '../../../lib/http2/sessions.ts'
import { FST_WS_NOT_SENT } from '../../../lib/errors.ts'

const WINDOW = 65_535

/** Serves sessions in which at most one window of data may be unread. */
async function serve (
  t: Test, onStream: (stream: ServerHttp2Stream, sessions: Sessions) => void
): Promise<ClientHttp2Session> {
  const server = createServer()
  const warnings: string[] = []
  const log = { warn: (_fields: object, message: string) => { warnings.push(message) } }
  const sessions = new Sessions({ receiveWindow: { sessionBudget: WINDOW }, timeout: 0, log: log as never })
  const stop = sessions.track(server)
  server.on('stream', (stream: ServerHttp2Stream) => onStream(stream, sessions))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { stop(); client.destroy(); server.close() })
  return client
}

/** Sends as much as the window of a stream allows. */
function fill (client: ClientHttp2Session): ClientHttp2Stream {
  const stream = client.request({ ':method': 'POST' }, { endStream: false })
  stream.on('error', () => {})
  stream.write(Buffer.alloc(WINDOW))
  return stream
}

void t.test('a request whose body exceeds sessionBudget is reset, and its session continues', async (t) => {
  const client = await serve(t, (stream) => {
    stream.on('error', () => {})
    stream.respond()
  })
  const first = fill(client)
  await once(first, 'response')
  const second = fill(client)
  await new Promise((resolve) => second.once('close', resolve))
  t.equal(second.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.notOk(first.closed)
  const third = client.request({ ':method': 'GET' })
  t.ok(await once(third, 'response'), 'the session serves requests')
})

void t.test('a socket whose data exceeds sessionBudget is reset, and the callback of its write is called', async (t) => {
  const errors: unknown[] = []
  let sockets = 0
  const client = await serve(t, (stream, sessions) => {
    stream.on('error', () => {})
    sessions.forStream(stream)!.addSocket(stream)
    stream.respond()
    if (sockets++ > 0) stream.write(Buffer.alloc(WINDOW * 4), (error) => errors.push(error))
  })
  const first = fill(client)
  await once(first, 'response')
  const second = fill(client)
  await new Promise((resolve) => second.once('close', resolve))
  t.equal(second.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.ok(errors.length === 1 && errors[0] instanceof FST_WS_NOT_SENT)
  t.notOk(first.closed)
})
