import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { readResponse } from '../internals/http1.ts'

/**
 * Makes the response of a connection that Node's HTTP parser has let go of. It ends the connection (RFC 9931: bytes
 * sent in hope of a 101 would be read as a request otherwise).
 *
 * @returns undefined where another listener of the server has made a response for the request, as `@fastify/http-proxy`
 * does; and, with the connection destroyed, where an earlier request is still being answered: this one was pipelined,
 * which an Upgrade or CONNECT must not be, and there is no way to answer it in order
 */
export function createResponse (request: IncomingMessage, socket: Socket): ServerResponse | undefined {
  if (readResponse(socket)?.req === request) return undefined

  // Node took its own listener off: without this one, a client that resets its connection now would end the process.
  socket.on('error', socketOnError)

  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.on('finish', responseOnFinish)
  try {
    response.assignSocket(socket)
  } catch {
    socket.destroy()
    return undefined
  }
  // With the parser went what tells a response to go on: without this a large refusal would stop half way.
  socket.on('drain', () => { if (response.socket === socket) response.emit('drain') })
  return response
}

/** Takes the connection from a response that is not wanted, for a protocol of its own. */
export function detachResponse (response: ServerResponse, socket: Socket): void {
  response.detachSocket(socket)
  socket.off('error', socketOnError)
}

function responseOnFinish (this: ServerResponse): void {
  // Not destroySoon(): a connection that is injected need not be a net.Socket.
  const { socket } = this
  socket?.end(() => socket.destroy())
}

function socketOnError (this: Socket): void {
  this.destroy()
}
