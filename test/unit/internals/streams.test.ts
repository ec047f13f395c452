import { once } from 'node:events'
import type { Http2Stream } from 'node:http2'
import { Socket, connect as connectTcp, createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { TLSSocket, connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { createLoopback } from '../../../lib/inject/loopback.ts'
import {
  emitData, fillsItsMemory, hasOwnWrite, hookMethods, nodeDestroy, nodeEnd, nodePush, nodeWrite, nodeWritev,
  prototypeOf, readOn, readSendQueue
} from '../../../lib/internals/streams.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { addEcho, expectEcho, openEcho } from '../../helpers/echo.ts'
import { hasFastProperties } from '../../helpers/fast-properties.ts'
import { MIB } from '../../helpers/sizes.ts'
import { openFrameStream, openStreamPair } from '../../helpers/stream-pair.ts'
import { startServer } from '../../helpers/test-server.ts'
import { waitTurns, waitUntil } from '../../helpers/waiting.ts'

/** Hooks a stream, and returns a list that every call of a hook is added to. */
function recordCalls (stream: Http2Stream): string[] {
  const calls: string[] = []
  hookMethods(stream, {
    push (chunk) {
      calls.push(`push ${chunk}`)
      return nodePush(this, chunk)
    },
    _write (chunk, encoding, callback) {
      calls.push(`write ${chunk}`)
      nodeWrite(this, chunk, encoding, callback)
    },
    _writev (items, callback) {
      calls.push(`writev ${items.map(({ chunk }) => chunk)}`)
      nodeWritev(this, items, callback)
    },
    end (...parameters) {
      calls.push(`end ${parameters}`)
      nodeEnd(this, parameters)
      return this
    },
    destroy (error) {
      calls.push('destroy')
      nodeDestroy(this, error)
      return this
    }
  })
  return calls
}

function callsOf (calls: string[], method: string): string[] {
  return calls.filter((call) => call.startsWith(`${method} `))
}

void t.test('hookMethods: all data that a stream receives and sends passes the hooks', async (t) => {
  const [stream, client] = await openStreamPair(t)
  const [calls, clientCalls] = [recordCalls(stream), recordCalls(client)]
  stream.respond()
  stream.write('one')
  stream.write('two')
  stream.end('three')
  client.end('four')
  const received = (await Promise.all([stream.toArray(), client.toArray()])).map((chunks) => chunks.join(''))
  t.same(received, ['four', 'onetwothree'])
  t.same(calls.filter((call) => call.startsWith('write')), ['write one', 'writev two,three'])
  t.same(callsOf(calls, 'push').slice(0, 2), ['push four', 'push null'])
  t.same(callsOf(calls, 'end'), ['end three'])
  t.same(callsOf(clientCalls, 'write'), ['write four'])
  t.match(callsOf(clientCalls, 'push').join(), /^push one.*three,push null/)
})

void t.test('hookMethods: a session that is destroyed calls the replaced destroy of its streams', async (t) => {
  const [stream] = await openStreamPair(t)
  const calls = recordCalls(stream)
  const closed = once(stream, 'close')
  stream.session!.destroy()
  await closed
  t.ok(calls.includes('destroy'))
})

void t.test('hookMethods: V8 keeps fast properties for the stream of a socket', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await openEcho(client, 1)
  const [stream] = server.streams
  t.ok(hasFastProperties(stream!))
  await expectEcho(client, 1, 'once more')
  t.ok(hasFastProperties(stream!))
})

void t.test('hasOwnWrite: returns true for a Duplex that was created with write or writev', async (t) => {
  t.equal(hasOwnWrite(new Duplex({ write () {} })), true)
  t.equal(hasOwnWrite(new Duplex({ writev () {} })), true)
})

void t.test('hasOwnWrite: returns false for the connections and streams of Node, and for a class', async (t) => {
  const [stream, client] = await openStreamPair(t)
  for (const duplex of [stream, client, new Socket(), new TLSSocket(new Socket()), createLoopback()[0]]) {
    t.equal(hasOwnWrite(duplex), false, duplex.constructor.name)
  }
})

void t.test('nodePush: delivers data and the end of a stream whose push is replaced', async (t) => {
  const [stream] = await openStreamPair(t)
  hookMethods(stream, { push: () => false })
  nodePush(stream, Buffer.from('data'))
  nodePush(stream, null)
  t.equal((await stream.toArray()).join(''), 'data')
})

void t.test('nodeWrite: sends data of a stream whose _write is replaced, and calls back', async (t) => {
  const [stream, client] = await openStreamPair(t)
  stream.respond()
  hookMethods(stream, { _write: () => { t.fail('_write is replaced') } })
  const sent = new Promise((resolve) => nodeWrite(stream, 'text', 'utf8', resolve))
  t.equal(String((await once(client, 'data'))[0]), 'text')
  t.equal(await sent ?? null, null)
})

void t.test('nodeWritev: sends all items of a stream whose _writev is replaced, and calls back once', async (t) => {
  const [stream, client] = await openStreamPair(t)
  stream.respond()
  hookMethods(stream, { _writev: () => { t.fail('_writev is replaced') } })
  let callbacks = 0
  const items = [{ chunk: 'one, ', encoding: 'utf8' as const }, { chunk: Buffer.from('two'), encoding: 'utf8' as const }]
  nodeWritev(stream, items, () => { callbacks++; stream.end() })
  t.equal((await client.toArray()).join(''), 'one, two')
  t.equal(callbacks, 1)
})

void t.test('prototypeOf: returns the original methods of a stream whose methods are replaced', async (t) => {
  const [stream, client] = await openStreamPair(t)
  stream.respond()
  const { _write, _writev } = stream
  hookMethods(stream, { _write: () => { t.fail('_write is replaced') }, _writev: () => { t.fail('_writev is replaced') } })
  const prototype = prototypeOf(stream)
  t.equal(prototype._write, _write)
  t.equal(prototype._writev, _writev)
  const sent = new Promise((resolve) => nodeWrite(stream, 'text', 'utf8', resolve, prototype))
  t.equal(String((await once(client, 'data'))[0]), 'text')
  await sent
})

void t.test('nodeEnd: sends the last data and END_STREAM of a stream whose end is replaced, and calls back', async (t) => {
  const [stream, client] = await openStreamPair(t)
  stream.respond()
  hookMethods(stream, { end: () => t.fail('end is replaced') as never })
  const finished = new Promise((resolve) => nodeEnd(stream, ['last', 'utf8', resolve]))
  t.equal((await client.toArray()).join(''), 'last')
  await finished
  t.equal(stream.writableFinished, true)
})

void t.test('nodeDestroy: destroys a stream whose destroy is replaced, and emits the error', async (t) => {
  const [stream] = await openStreamPair(t)
  hookMethods(stream, { destroy: () => t.fail('destroy is replaced') as never })
  const closed = new Promise((resolve) => stream.once('close', resolve))
  const failed = once(stream, 'error')
  const error = new Error('boom')
  nodeDestroy(stream, error)
  t.equal((await failed)[0], error)
  await closed
  t.equal(stream.destroyed, true)
})

void t.test('emitData: a paused stream emits the data, and does not count it as unread', async (t) => {
  const [stream] = await openStreamPair(t)
  const received: string[] = []
  stream.on('data', (chunk) => received.push(String(chunk)))
  stream.pause()
  nodePush(stream, Buffer.from('pushed'))
  emitData(stream, Buffer.from('emitted'))
  await waitTurns(2)
  t.same(received, ['emitted'])
  t.equal(stream.readableLength, 'pushed'.length)
})

void t.test('readOn: Node returns the window of a resumed stream whose data was not pushed', async (t) => {
  const [stream, client] = await openFrameStream(t)
  let received = 0
  hookMethods(stream, {
    push (chunk) {
      received += chunk?.length ?? 0
      return true
    }
  })
  stream.resume()
  await waitTurns()
  stream.pause()
  for (let count = 0; count < 3; count++) client.data(1, Buffer.alloc(16_000))
  await client.roundTrip()
  t.equal(received, 48_000)
  t.equal(client.increments(1), 0)

  stream.resume()
  await client.roundTrip()
  t.equal(client.increments(1), 0, 'if this fails, resume() is enough and readOn can be removed')
  readOn(stream)
  await waitTurns()
  await client.roundTrip()
  t.equal(client.increments(1), 48_000)
})

for (const secure of [false, true]) {
  const title = `readSendQueue: returns what a client has not accepted of one write${secure ? ' over TLS' : ''}`
  void t.test(title, async (t) => {
    const server = secure ? createTlsServer(await createCertificate()) : createTcpServer()
    const accepted = once(server, secure ? 'secureConnection' : 'connection')
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const tcp = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
    const client = secure ? connectTls({ socket: tcp, rejectUnauthorized: false }) : tcp
    const [connection] = await accepted
    t.teardown(() => { client.destroy(); connection.destroy(); server.close() })

    client.pause()
    const written = new Promise((resolve) => { connection.write(Buffer.alloc(32 * MIB), resolve) })
    // Node 26 encrypts in a later turn.
    await waitUntil(() => readSendQueue(connection)!.queued > 0, 'a write is queued')
    const before = readSendQueue(connection)!
    client.resume()
    await written
    const after = readSendQueue(connection)!
    t.ok(after.accepted >= before.accepted + before.queued)
    t.equal(after.queued, 0)
    if (secure) t.ok(after.accepted > 32 * MIB, 'the overhead of TLS records is included')
  })
}

void t.test('readSendQueue: returns undefined for a connection without a system handle', async (t) => {
  t.equal(readSendQueue(createLoopback()[0]), undefined)
})

/** Returns the DATA chunks of two streams of one session. The second stream has received some bytes alone before. */
async function receiveChunks (t: Test): Promise<{ alone: Buffer, shared: Buffer[] }> {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  for (const id of [1, 3]) await openEcho(client, id)
  const chunks: Buffer[] = []
  for (const stream of server.streams) {
    hookMethods(stream, {
      push (chunk) {
        if (chunk !== null) chunks.push(chunk)
        return true
      }
    })
  }
  await client.roundTrip()
  client.data(3, Buffer.alloc(1000, 'a'))
  // A PING would be part of the same read.
  await waitUntil(() => chunks.length > 0, 'the first chunk is received')
  client.batch(() => {
    client.data(1, Buffer.alloc(500, 'b'))
    client.data(3, Buffer.alloc(500, 'c'))
  })
  await client.roundTrip()
  const [alone, ...shared] = chunks
  return { alone: alone!, shared }
}

void t.test('fillsItsMemory: returns true if the memory of a chunk is its frame header and itself', async (t) => {
  const { alone, shared } = await receiveChunks(t)
  t.ok(fillsItsMemory(alone))
  t.equal(alone.byteOffset, 9)
  t.equal(alone.buffer.byteLength, 1009)
  // The type and the stream of an HTTP/2 frame: RFC 9113 section 4.1.
  t.strictSame(Buffer.from(alone.buffer as ArrayBuffer).subarray(0, 9), Buffer.of(0, 3, 232, 0, 0, 0, 0, 0, 3))

  t.equal(shared.length, 2)
  for (const chunk of shared) t.notOk(fillsItsMemory(chunk))
  t.equal(shared[0]!.buffer, shared[1]!.buffer, 'chunks of one read share its memory')
})

void t.test('fillsItsMemory: returns false if other data may precede or follow the chunk', async (t) => {
  const memory = new ArrayBuffer(100)
  t.equal(fillsItsMemory(Buffer.from(memory, 9)), true)
  t.equal(fillsItsMemory(Buffer.from(memory)), true)
  t.equal(fillsItsMemory(Buffer.from(memory, 10)), false)
  t.equal(fillsItsMemory(Buffer.from(memory, 9, 90)), false)
})
