import { createServer as createHttp1Server } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer } from 'node:net'
import t from 'tap'
import { openConnection } from '../../../lib/cli/connection.ts'
import { openSession } from '../../../lib/cli/http2-session.ts'
import type { OpenSession } from '../../../lib/cli/http2-session.ts'
import { listen, requestFor } from '../../helpers/probe.ts'

async function openTo (port: number, timeout = 15_000): Promise<OpenSession> {
  const request = requestFor(`ws://127.0.0.1:${port}`, { timeout })
  return await openSession(request, (await openConnection(request, [])).socket)
}

void t.test('a session has the SETTINGS of its server', async (t) => {
  const limits = { maxConcurrentStreams: 7, initialWindowSize: 70_000, maxHeaderListSize: 9000 }
  const settings = { enableConnectProtocol: true, ...limits }
  const { session, settings: read } = await openTo(await listen(t, createHttp2Server({ settings })))
  session.destroy()
  t.same(read, settings)
})

void t.test('a setting that the server does not send has no limit', async (t) => {
  const { session, settings } = await openTo(await listen(t, createHttp2Server()))
  session.destroy()
  t.match(settings, { enableConnectProtocol: false, initialWindowSize: 65_535 })
  t.equal(settings.maxConcurrentStreams, null)
})

void t.test('the response has the status and fields that the server sent', async (t) => {
  const server = createHttp2Server((_request, response) => response.writeHead(418, { 'x-field': 'value' }).end())
  const open = await openTo(await listen(t, server))
  const stream = open.session.request({ ':path': '/' }).resume()
  await new Promise((resolve) => stream.once('close', resolve))
  open.session.destroy()
  t.match(open.response, { ':status': 418, 'x-field': 'value' })
})

void t.test('a server that answers in another protocol, or not at all, is an error', async (t) => {
  await t.rejects(openTo(await listen(t, createHttp1Server())), { code: 'FST_WS_NO_EXTENDED_CONNECT' })
  await t.rejects(openTo(await listen(t, createServer((socket) => socket.end()))), { code: 'FST_WS_NO_EXTENDED_CONNECT' })
  await t.rejects(openTo(await listen(t, createServer()), 1), { code: 'ETIMEDOUT' })
})
