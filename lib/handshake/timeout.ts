import type { ServerResponse } from 'node:http'
import { kUpgrade } from '../symbols.ts'
import type { RawRequest, Upgrade } from './upgrade.ts'

/**
 * Bounds how long hooks may leave a handshake unanswered: each costs its client nothing, and the server a request, with
 * its stream or its connection. After that the answer is 503 and, as after any answer, later hooks are not called.
 *
 * @param timeout in ms; 0 for no limit
 */
export function startHandshakeTimeout (request: RawRequest, response: ServerResponse, timeout: number): void {
  const upgrade = request[kUpgrade]
  if (upgrade === undefined || timeout === 0) return

  upgrade.timer = setTimeout(refuseLate, timeout, request, response)
  response.on('close', responseOnClose)
}

/** Takes the limit off a handshake that is done with. */
export function clearHandshakeTimeout (upgrade: Upgrade): void {
  clearTimeout(upgrade.timer)
  // An open socket keeps its request, and with it the upgrade.
  upgrade.timer = undefined
}

function responseOnClose (this: ServerResponse): void {
  clearHandshakeTimeout((this.req as RawRequest)[kUpgrade]!)
}

function refuseLate (request: RawRequest, response: ServerResponse): void {
  if (response.headersSent) return
  request[kUpgrade]?.log.warn({ url: request.url }, 'a websocket handshake was not answered within handshakeTimeout: 503 sent')
  response.writeHead(503, { 'content-length': 0 }).end()
  // Not when the answer has been sent: until then a verifyClient would still find a connection to open.
  response.socket?.end()
}
