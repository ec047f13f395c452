import type { FastifyReply, FastifyRequest } from 'fastify'
import { FST_WS_UPGRADE_REQUIRED } from './errors.ts'

/**
 * Refuses a GET or HEAD of a route that serves only sockets.
 *
 * Over HTTP/1.1 the status is 426, which requires the field Upgrade (RFC 9110 section 15.5.22). HTTP/2 does not allow
 * that field (RFC 9113 section 8.2.2). There the method of a socket is CONNECT, so any other is refused with 405.
 *
 * @throws FST_WS_UPGRADE_REQUIRED
 */
export function refusePlainRequest (request: FastifyRequest, reply: FastifyReply): never {
  const error = new FST_WS_UPGRADE_REQUIRED(request.url)
  // The answer depends on the HTTP version, and caches do not tell the versions apart.
  reply.header('cache-control', 'no-store')
  if (request.raw.httpVersionMajor === 2) {
    error.statusCode = 405
    reply.header('allow', 'CONNECT')
  } else {
    // Node keeps a connection open after a Connection field without "close", even if the client will not use it.
    reply.header('connection', reply.raw.shouldKeepAlive ? 'Upgrade' : 'close, Upgrade')
    reply.header('upgrade', 'websocket')
  }
  throw error
}
