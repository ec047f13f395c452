import type { ServerResponse } from 'node:http'
import { kUpgrade } from '../symbols.ts'
import type { RawRequest, Upgrade } from './upgrade.ts'

/**
 * Limits the time that hooks may leave a handshake unanswered, because each one occupies a request and its stream or
 * connection. After the timeout 503 is sent and, as after any response, later hooks are not called.
 *
 * @param timeout in ms; 0 disables the limit
 */
export function startHandshakeTimeout (request: RawRequest, response: ServerResponse, timeout: number): void {
  const upgrade = request[kUpgrade]
  if (upgrade === undefined || timeout === 0) return

  upgrade.timer = setTimeout(refuseLate, timeout, request, response)
  response.on('close', responseOnClose)
}

/** Removes the time limit of a handshake that is completed. */
export function clearHandshakeTimeout (upgrade: Upgrade): void {
  clearTimeout(upgrade.timer)
  // An open socket references its request, and thereby the upgrade and its timer.
  upgrade.timer = undefined
}

function responseOnClose (this: ServerResponse): void {
  const { [kUpgrade]: upgrade } = this.req as RawRequest
  if (upgrade !== undefined) clearHandshakeTimeout(upgrade)
}

function refuseLate (request: RawRequest, response: ServerResponse): void {
  if (response.headersSent) return
  const upgrade = request[kUpgrade]!
  upgrade.refusal = { cause: 'timeout', isLogged: true }
  upgrade.log.warn({ url: request.url }, 'websocket handshake not answered within handshakeTimeout: 503 sent')
  response.writeHead(503, { 'content-length': 0 }).end()
  // Not on 'finish': until then a pending verifyClient could still open a socket on the connection.
  response.socket?.end()
}
