import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { ErrorEvent } from 'ws'
import { ClientSocket, createRefusal } from '../../../lib/client/client-socket.ts'

async function listen (t: Test, server: Server): Promise<string> {
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

void t.test('createRefusal: has the status and headers of the response, and the name and message of ws', async (t) => {
  const headers = { 'x-why': 'no' }
  t.match(createRefusal({ statusCode: 403, headers } as unknown as IncomingMessage), {
    name: 'Error', code: 'FST_WS_UNEXPECTED_RESPONSE', message: 'Unexpected server response: 403', statusCode: 403, headers
  })
  t.match(createRefusal({ headers: {} } as IncomingMessage), { statusCode: 0 })
})

void t.test('ClientSocket: a refusal without a listener is an error with the status and headers, then "close"', async (t) => {
  const url = await listen(t, createServer((_request, response) => response.writeHead(403, { 'X-Why': 'no' }).end()))
  const events: unknown[] = []
  const socket = new ClientSocket(url)
  socket.on('error', (error) => events.push(error))
  await new Promise<void>((resolve) => socket.on('close', (code) => { events.push(code); resolve() }))
  t.match(events, [{ code: 'FST_WS_UNEXPECTED_RESPONSE', statusCode: 403, headers: { 'x-why': 'no' } }, 1006])
  t.equal(events.length, 2)
})

void t.test('ClientSocket: onerror and addEventListener("error") receive the error of a refusal', async (t) => {
  const url = await listen(t, createServer((_request, response) => response.writeHead(403).end()))
  const socket = new ClientSocket(url)
  const { error, message } = await new Promise<ErrorEvent>((resolve) => { socket.onerror = resolve })
  t.match(error, { statusCode: 403 })
  t.equal(message, 'Unexpected server response: 403')
})

void t.test('ClientSocket: a refusal with a listener is no error', async (t) => {
  const url = await listen(t, createServer((_request, response) => response.writeHead(403).end('no')))
  const socket = new ClientSocket(url).on('error', (error) => t.fail(error))
  const [request, response] = await once(socket, 'unexpected-response')
  t.equal((await response.toArray()).join(''), 'no')
  request.destroy()
})

void t.test('ClientSocket: the error of a refusal after a redirect is that of the last response', async (t) => {
  const url = await listen(t, createServer(({ url }, response) => {
    response.writeHead(url === '/' ? 302 : 403, { location: '/other' }).end()
  }))
  const socket = new ClientSocket(url, [], { followRedirects: true })
  const [error] = await once(socket, 'error')
  t.match(error, { code: 'FST_WS_UNEXPECTED_RESPONSE', statusCode: 403 })
})

void t.test('ClientSocket: without followRedirects a redirect is refused with its status and location', async (t) => {
  const url = await listen(t, createServer((_request, response) => response.writeHead(302, { location: '/other' }).end()))
  const [error] = await once(new ClientSocket(url), 'error')
  t.match(error, { statusCode: 302, headers: { location: '/other' } })
})

void t.test('ClientSocket: other errors are those of ws and Node', async (t) => {
  const url = await listen(t, createServer().on('upgrade', (_request, socket) => socket.destroy()))
  const [error] = await once(new ClientSocket(url), 'error')
  t.match(error, { code: 'ECONNRESET' })
  t.notOk('headers' in error)
})
