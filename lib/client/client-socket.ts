import type { IncomingMessage } from 'node:http'
import type { WebSocket as WsWebSocket } from 'ws'
import { FST_WS_UNEXPECTED_RESPONSE } from '../errors.ts'
import { loadWs } from '../internals/ws.ts'
import { createSocketClass } from '../socket/websocket.ts'

/**
 * Socket of a client. A handshake that is refused, and that nobody handles as `'unexpected-response'`, is an `'error'`
 * with the status and the headers of the response, which ws's error does not have.
 */
export const ClientSocket: typeof WsWebSocket = class extends createSocketClass(loadWs().WebSocket) {
  #refusal: Error | undefined

  override emit (event: string | symbol, ...parameters: unknown[]): boolean {
    // ws aborts the request if there is no listener, and emits the 'error' a tick later.
    if (event === 'error' && this.#refusal !== undefined) return super.emit(event, this.#refusal)
    const isHandled = super.emit(event, ...parameters)
    if (event === 'unexpected-response' && !isHandled) this.#refusal = createRefusal(parameters[1] as IncomingMessage)
    return isHandled
  }
}

/** Returns the error of a handshake that was answered with a response. Its name and message are those of ws's error. */
export function createRefusal ({ statusCode = 0, headers }: IncomingMessage): Error {
  return Object.assign(new FST_WS_UNEXPECTED_RESPONSE(statusCode), { name: 'Error', statusCode, headers })
}
