import { EventEmitter, once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { ClientHttp2Session, Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import type { FastifyBaseLogger } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { Sessions } from '../../../lib/http2/sessions.ts'
import { waitTurns } from '../../helpers/waiting.ts'

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

// On a server whose first request listener was added late, 'stream' is emitted before 'connect'.
void t.test('a session times out after its last socket, in whichever order a stream and its socket were registered', async (t) => {
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

void t.test('the connection of a session that has timed out is destroyed if it does not answer a PING', async (t) => {
  const { sessions, server, client } = await serve(t)
  client.on('error', () => {})
  const [session] = await once(server, 'session') as [ServerHttp2Session]
  const [tracked] = sessions.open
  const timeouts: number[] = []
  tracked!.destroyIfUnresponsive = (timeout) => { timeouts.push(timeout) }
  session.emit('timeout')
  t.strictSame(timeouts, [5000])
})

void t.test('the session of a stream is registered once, with the connection of its server', async (t) => {
  const { sessions, server, client } = await serve(t)
  const connected = once(server, 'connection')
  const [first, second] = [client.request({ ':method': 'POST' }), client.request({ ':method': 'POST' })]
  for (const each of [first, second]) each.on('error', () => {})
  const streams: ServerHttp2Stream[] = []
  await new Promise<void>((resolve) => {
    server.on('stream', (stream: ServerHttp2Stream) => { if (streams.push(stream) === 2) resolve() })
  })
  const session = sessions.forStream(streams[0]!)
  t.ok(session !== undefined && session === sessions.forStream(streams[1]!))
  t.equal(session!.transport, (await connected)[0])
})

void t.test('a session that another listener has ended is undefined, and a closed one is forgotten', async (t) => {
  const { sessions, server, client } = await serve(t)
  client.on('error', () => {})
  const request = client.request({ ':method': 'POST' }, { endStream: false })
  request.on('error', () => {})
  const [stream] = await once(server, 'stream') as [ServerHttp2Stream]
  stream.on('error', () => {})
  const session = stream.session as ServerHttp2Session
  const known = sessions.forStream(stream)
  const closed = once(session, 'close')
  session.destroy()
  await closed
  t.equal(sessions.forStream({ session: undefined } as unknown as ServerHttp2Stream), undefined)
  t.not(sessions.forStream({ session } as unknown as ServerHttp2Stream), known)
})

void t.test('track() registers the streams that can receive data, until it is stopped', async (t) => {
  const { sessions, server, client } = await serve(t)
  const counts: number[] = []
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond()
    counts.push(sessions.forStream(stream)!.budget.size)
  })
  const answer = async (endStream: boolean): Promise<void> => {
    const request = client.request({ ':method': 'POST' }, { endStream })
    request.on('error', () => {})
    await once(request, 'response')
  }
  await answer(true)
  await answer(false)
  t.same(counts, [0, 1], 'END_STREAM on the request is no data')
})

void t.test('track() adds no listener for \'stream\' to the server: dd-trace would take a socket for a request', async (t) => {
  const { server } = await serve(t)
  t.equal(server.listenerCount('stream'), 0)
})

void t.test('close() sends GOAWAY on every session, and on one that starts after it', async (t) => {
  const { sessions, server, client } = await serve(t)
  if (client.connecting) await once(client, 'connect')
  // The server may report its session later than the client.
  const ready = client.request({ ':method': 'GET' }).on('error', () => {})
  const [stream] = await once(server, 'stream') as [ServerHttp2Stream]
  stream.respond({}, { endStream: true })
  ready.resume()
  const goaway = once(client, 'goaway')
  sessions.close()
  await goaway

  const late = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => late.destroy())
  await once(late, 'goaway')
})

void t.test('destroy() destroys every session', async (t) => {
  const { sessions, server, client } = await serve(t)
  client.on('error', () => {})
  const [session] = await once(server, 'session') as [ServerHttp2Session]
  const closed = once(session, 'close')
  sessions.destroy()
  await closed
  t.ok(session.destroyed)
})

void t.test('retire() sends GOAWAY on every session, and later sessions are accepted', async (t) => {
  const { sessions, server, client } = await serve(t)
  const [session] = await once(server, 'session') as [ServerHttp2Session]
  const closed = once(session, 'close')
  const goaway = once(client, 'goaway')
  sessions.retire()
  await Promise.all([goaway, closed])

  const later = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => later.destroy())
  await once(later, 'remoteSettings')
  t.notOk(later.closed)
})

void t.test('the timer of the age of a session ends with the session', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const aged: unknown[] = []
  const closeSockets = (session: unknown): void => { aged.push(session) }
  const sessions = new Sessions({ receiveWindow: {}, age: { max: 1000, grace: 0, closeSockets } })
  const fake = Object.assign(new EventEmitter(), { localSettings: {}, close () { aged.push('GOAWAY') } })
  sessions.forStream({ session: fake } as unknown as ServerHttp2Stream)
  fake.emit('close')
  mock.timers.tick(2000)
  await waitTurns()
  t.same(aged, [])

  const other = Object.assign(new EventEmitter(), { localSettings: {}, close () { aged.push('GOAWAY') } })
  const session = sessions.forStream({ session: other } as unknown as ServerHttp2Stream)
  mock.timers.tick(1100)
  mock.timers.tick(1)
  await waitTurns()
  t.same(aged, [session, 'GOAWAY'])
})
