import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { closeDetached, createResponse, detachResponse } from '../../../lib/handshake/http1-response.ts'
import { readResponse } from '../../../lib/internals/http1.ts'
import { readToEnd, sendInMemory } from '../../helpers/pending-upgrade.ts'
import { MIB } from '../../helpers/sizes.ts'
import { upgradeRequest } from '../../helpers/upgrade-request.ts'

/** Returns the request of an upgrade, the server's end of its connection, and the client's. */
async function receive (server: Server = createServer(), before = ''): Promise<[IncomingMessage, Socket, Duplex]> {
  const upgraded = once(server, 'upgrade')
  const client = sendInMemory(server, before + upgradeRequest('/'))
  const [request, socket] = await upgraded
  return [request, socket, client]
}

void t.test('createResponse: the response is sent with Connection: close, and then the connection ends', async (t) => {
  const [request, socket, client] = await receive()
  createResponse(request, socket)!.writeHead(403, { 'content-length': 2 }).end('no')
  const closed = once(socket, 'close')
  const received = await readToEnd(client)
  t.match(received, /^HTTP\/1\.1 403 Forbidden\r\n/)
  t.match(received, /\r\nconnection: close\r\n/i)
  t.match(received, /\r\n\r\nno$/)
  await closed
})

void t.test('createResponse: bytes that follow the response are not parsed as a request', async (t) => {
  const server = createServer(() => t.fail('request smuggling'))
  const [request, socket, client] = await receive(server)
  client.write('GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n')
  createResponse(request, socket)!.writeHead(403, { 'content-length': 0 }).end()
  t.equal((await readToEnd(client)).match(/HTTP\/1\.1/g)?.length, 1)
})

void t.test('createResponse: returns undefined if the request has a response, and leaves the connection open', async (t) => {
  const [request, socket, client] = await receive()
  const response = createResponse(request, socket)!
  t.equal(createResponse(request, socket), undefined)
  t.equal(readResponse(socket), response)
  t.equal(socket.destroyed, false)
  client.destroy()
})

void t.test('createResponse: a pipelined upgrade destroys the connection, because it cannot be answered in order', async (t) => {
  const server = createServer(() => { /* The first request is never answered. */ })
  const [request, socket, client] = await receive(server, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
  t.equal(readResponse(socket)?.req.url, '/slow')
  t.equal(createResponse(request, socket), undefined)
  t.equal(socket.destroyed, true)
  t.equal(await readToEnd(client), '')
})

void t.test('createResponse: an error of the connection is handled, and destroys it', async (t) => {
  const [request, socket] = await receive()
  const response = createResponse(request, socket)!
  const closed = once(response, 'close')
  socket.emit('error', new Error('read ECONNRESET'))
  t.equal(socket.destroyed, true)
  await closed
})

void t.test('createResponse: a response larger than the buffer of the connection emits "drain"', async (t) => {
  const [request, socket, client] = await receive()
  const response = createResponse(request, socket)!
  response.writeHead(403, { 'content-length': 2 * MIB })
  t.equal(response.write(Buffer.alloc(MIB)), false)
  const drained = once(response, 'drain')
  const received = readToEnd(client)
  await drained
  response.end(Buffer.alloc(MIB))
  t.ok((await received).length > 2 * MIB)
})

void t.test('detachResponse: the connection carries another protocol, and its errors are no longer handled', async (t) => {
  const [request, socket, client] = await receive()
  const count = (): number[] => ['error', 'drain', 'close'].map((event) => socket.listenerCount(event))
  const before = count()
  const response = createResponse(request, socket)!
  t.same(count(), before.map((listeners) => listeners + 1))
  detachResponse(response, socket)
  t.same(count(), before, 'no listener of the connection references the response')
  response.writeHead(200).end('late')
  socket.end('frames')
  t.equal(await readToEnd(client), 'frames')
})

void t.test('closeDetached: emits \'close\' of a response that has no connection, and of no other', async (t) => {
  const [request, socket] = await receive()
  const response = createResponse(request, socket)!
  let closes = 0
  response.on('close', () => { closes++ })
  closeDetached(response)
  t.equal(closes, 0)
  detachResponse(response, socket)
  closeDetached(response)
  t.equal(closes, 1)
  socket.destroy()
})
