import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Makes the response of a connection that Node's HTTP parser has let go of. It ends the connection (RFC 9931: bytes
 * sent in hope of a 101 would be read as a request otherwise).
 *
 * @returns undefined where an earlier request of the connection is still being answered: this one was pipelined, which
 * an Upgrade or CONNECT must not be, and there is no way to answer it in order
 */
export function createResponse (request: IncomingMessage, socket: Socket): ServerResponse | undefined {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.on('finish', responseOnFinish)
  try {
    response.assignSocket(socket)
  } catch {
    return undefined
  }
  // With the parser went what tells a response to go on: without this a large refusal would stop half way.
  socket.on('drain', socketOnDrain)
  socket.once('close', () => socket.off('drain', socketOnDrain))
  return response

  function socketOnDrain (): void {
    if (response.socket === socket) response.emit('drain')
  }
}

function responseOnFinish (this: ServerResponse): void {
  this.socket?.destroySoon()
}
