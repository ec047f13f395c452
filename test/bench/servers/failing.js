/** A server that answers all requests and handshakes with status 500. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createSecureServer, createServer as createHttp2Server } from 'node:http2'

const OPTIONS = { allowHTTP1: true, settings: { enableConnectProtocol: true } }

export async function listen ({ tls }) {
  if (tls === undefined) return { h1: await start(createServer()), h2: await start(createHttp2Server(OPTIONS)) }
  const port = await start(createSecureServer({ ...OPTIONS, ...tls }))
  return { h1: port, h2: port }
}

async function start (server) {
  server.on('request', (request, response) => { fail(response) })
  server.on('connect', (request, response) => { fail(response) })
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {}).end('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

function fail (response) {
  response.statusCode = 500
  response.end()
}
