import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { assignResponse, readResponse, releaseConnection } from '../internals/http1.ts'

/**
 * Creates the response for a connection that is detached from Node's HTTP parser. The connection ends with the response
 * (RFC 9931: bytes that the client sent in expectation of a 101 would otherwise be parsed as a request).
 *
 * @returns undefined if another listener of the server has created a response for the request, as `@fastify/http-proxy`
 * does. Also undefined, with the connection destroyed, if an earlier request is still being answered: an Upgrade or
 * CONNECT must not be pipelined, and cannot be answered in order
 */
export function createResponse (request: IncomingMessage, socket: Socket): ServerResponse | undefined {
  if (readResponse(socket)?.req === request) return undefined

  // Node has removed its own listener. Without this one, a client that resets its connection would end the process.
  socket.on('error', socketOnError)

  let response: ServerResponse
  try {
    response = assignResponse(request, socket)
  } catch {
    socket.destroy()
    return undefined
  }
  response.shouldKeepAlive = false
  response.on('finish', responseOnFinish)
  // Node has removed its listener that forwards 'drain' to the response. Without one, a large refusal would stall.
  socket.on('drain', socketOnDrain)
  return response
}

/**
 * Detaches the connection from a response, to use it for another protocol. The connection then references the response
 * no longer: an open socket lives long, and a response is more than 1 KB.
 */
export function detachResponse (response: ServerResponse, socket: Socket): void {
  releaseConnection(response)
  socket.off('error', socketOnError).off('drain', socketOnDrain)
}

/**
 * Emits 'close' of a response that has been detached from its connection. If a handshake fails after that, nothing else
 * would end what waits for the event: its timeout and its count.
 */
export function closeDetached (response: ServerResponse): void {
  if (response.socket === null) response.emit('close')
}

function responseOnFinish (this: ServerResponse): void {
  // Not destroySoon(): an injected connection may not be a net.Socket.
  const { socket } = this
  socket?.end(() => socket.destroy())
}

function socketOnError (this: Socket): void {
  this.destroy()
}

function socketOnDrain (this: Socket): void {
  readResponse(this)?.emit('drain')
}
