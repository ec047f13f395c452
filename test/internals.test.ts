import { once } from 'node:events'
import { connect, constants, createServer } from 'node:http2'
import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import {
  forgetEndStream, hookStream, passChunk, passWrite, readSecondaryServers, readServerSettings
} from '../lib/internals.ts'

/** A stream of a plain server, and its client's end. */
async function openStream (t: Test): Promise<[stream: ServerHttp2Stream, client: ClientHttp2Stream]> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { session.destroy(); server.close() })

  const client = session.request({ ':method': 'POST' }, { endStream: false })
  client.on('error', () => {})
  const [stream] = await once(server, 'stream') as [ServerHttp2Stream]
  return [stream, client]
}

void t.test('forgetEndStream: close(code) of a stream is one RST_STREAM, and not END_STREAM first', async (t) => {
  const [stream, client] = await openStream(t)
  stream.respond()
  await once(client, 'response')
  t.type(stream, Object, 'the stream is there')
  t.type((stream as unknown as { _final: unknown })._final, 'function', 'Node ends a stream in _final')

  const aborted = once(client, 'aborted')
  forgetEndStream(stream)
  stream.close(constants.NGHTTP2_CANCEL)
  await aborted
  t.equal(client.rstCode, constants.NGHTTP2_CANCEL)
})

void t.test('hookStream: all that comes in and goes out passes the hooks, as often as Node hands it over', async (t) => {
  const [stream, client] = await openStream(t)
  const passed: string[] = []
  hookStream(stream, {
    push (chunk) {
      passed.push(`push ${chunk}`)
      return passChunk(this, chunk)
    },
    _write (chunk, encoding, done) {
      passed.push(`write ${chunk}`)
      passWrite(this, [{ chunk, encoding }], done)
    },
    _writev (items, done) {
      passed.push(`write ${items.map(({ chunk }) => chunk)}`)
      passWrite(this, items, done)
    }
  })
  stream.respond()
  stream.write('one')
  stream.write('two')
  stream.end('three')
  client.write('four')
  client.end()
  const received = (await Promise.all([stream.toArray(), client.toArray()])).map((chunks) => chunks.join(''))
  t.same(received, ['four', 'onetwothree'])
  t.same(passed.filter((each) => each.startsWith('write')), ['write one', 'write two,three'])
  t.same(passed.filter((each) => each.startsWith('push')).slice(0, 2), ['push four', 'push null'])
})

void t.test('readServerSettings: the settings that a server was created with, and those it was given later', async (t) => {
  const server = createServer({ settings: { maxConcurrentStreams: 77 } })
  t.match(readServerSettings(server), { maxConcurrentStreams: 77 })
  server.updateSettings({ initialWindowSize: 100_000 })
  t.match(readServerSettings(server), { maxConcurrentStreams: 77, initialWindowSize: 100_000 })
  t.notOk('maxConcurrentStreams' in readServerSettings(createServer()))
})

void t.test('readSecondaryServers: the servers of the further addresses of localhost', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  t.same(readSecondaryServers(app), [])
  await app.listen({ port: 0, host: 'localhost' })
  t.equal(readSecondaryServers(app).length, app.addresses().length - 1)
})
