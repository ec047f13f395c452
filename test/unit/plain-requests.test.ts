import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import { refusePlainRequest } from '../../lib/plain-requests.ts'
import { upgradeLines } from '../helpers/upgrade-request.ts'

interface Answer {
  code: string
  statusCode: number
  headers: Record<string, string>
}

/** Refuses a request that has these properties. */
function refuse (httpVersionMajor: number, shouldKeepAlive: boolean): Answer {
  const headers: Record<string, string> = {}
  const reply = { raw: { shouldKeepAlive }, header (name: string, value: string) { headers[name] = value } }
  try {
    return refusePlainRequest({ url: '/chat?a=1', raw: { httpVersionMajor } } as FastifyRequest, reply as never as FastifyReply)
  } catch (error) {
    const { code, statusCode, message } = error as Error & Answer
    t.match(message, /^"\/chat\?a=1" serves WebSocket only/)
    return { code, statusCode, headers }
  }
}

void t.test('over HTTP/1.1 it throws an error with status 426, and sets Upgrade and Connection', async (t) => {
  t.same(refuse(1, true), {
    code: 'FST_WS_UPGRADE_REQUIRED',
    statusCode: 426,
    headers: { 'cache-control': 'no-store', connection: 'Upgrade', upgrade: 'websocket' }
  })
})

void t.test('over HTTP/2 it throws an error with status 405, and sets Allow', async (t) => {
  t.same(refuse(2, true), {
    code: 'FST_WS_UPGRADE_REQUIRED', statusCode: 405, headers: { 'cache-control': 'no-store', allow: 'CONNECT' }
  })
})

void t.test('Connection contains "close" if the connection will be closed', async (t) => {
  t.equal(refuse(1, false).headers.connection, 'close, Upgrade')
})

/** Sends a request, and returns everything that the server sends until it ends the connection. */
async function request (t: Test, lines: string[]): Promise<string> {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  app.get('/', { websocket: true }, () => t.fail('the handler runs'))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  let received = ''
  client.setEncoding('latin1').on('data', (data: string) => { received += data })
  client.write(`${lines.join('\r\n')}\r\n\r\n`)
  await once(client, 'end')
  client.destroy()
  return received
}

void t.test('a handshake whose Connection or Upgrade field a proxy has removed is answered with 426', async (t) => {
  const fields = upgradeLines('/').filter((line) => !/^(?:Connection|Upgrade):/.test(line))
  for (const kept of ['Connection: close', 'Connection: Upgrade, close', 'Connection: close\r\nUpgrade: websocket']) {
    t.match(await request(t, [...fields, kept]), /^HTTP\/1\.1 426 /)
  }
})

void t.test('the connection of an HTTP/1.0 client is closed after the answer', async (t) => {
  t.match(await request(t, ['GET / HTTP/1.0']), /^HTTP\/1\.1 426 .*\r\nconnection: close, Upgrade\r\n/s)
})

void t.test('the connection is kept for the next request, and closed after Connection: close', async (t) => {
  const first = ['GET / HTTP/1.1', 'Host: x', '', '']
  const received = await request(t, [...first, 'GET / HTTP/1.1', 'Host: x', 'Connection: close'])
  t.equal(received.match(/HTTP\/1\.1 426 /g)?.length, 2)
  t.same(received.match(/^connection: .*(?=\r)/gm), ['connection: Upgrade', 'connection: close, Upgrade'])
})
