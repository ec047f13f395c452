import http, { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientRequest } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import { Server as TlsServer } from 'node:tls'

/**
 * Passes a connection to a server as if it had been accepted on its port and, on a server with TLS, its TLS handshake
 * were complete.
 *
 * Emitting 'connection' is documented, emitting 'secureConnection' is not. The documented way is a TLS handshake in
 * memory. It needs a client certificate if the server requests one, and cannot set the address of the client.
 *
 * @param alpnProtocol the protocol that ALPN would have selected: a server for both HTTP versions chooses by it
 */
export function injectConnection (server: Server, connection: Duplex, alpnProtocol: string): void {
  Object.assign(connection, { alpnProtocol, server })
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', connection as Socket)
}

/**
 * Adds a condition to the requests with an Upgrade field that a server treats as upgrades. Node serves the others as
 * ordinary requests, with their bodies. Returns a function that undoes this, or undefined if Node does not support it.
 *
 * Node documents `shouldUpgradeCallback` as an option of `createServer()`, which Fastify calls before a plugin is
 * registered. The server keeps it as a property, and reads it for each request. Node 20 has no equivalent.
 */
export function narrowUpgrades (
  server: Server, isUpgrade: (request: IncomingMessage) => boolean
): (() => void) | undefined {
  const asking = server as { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }
  const { shouldUpgradeCallback: former } = asking
  if (former === undefined) return undefined

  const narrowed = (request: IncomingMessage): boolean => isUpgrade(request) && former.call(server, request)
  asking.shouldUpgradeCallback = narrowed
  return () => { if (asking.shouldUpgradeCallback === narrowed) asking.shouldUpgradeCallback = former }
}

/**
 * Attaches a parser of the server again to a connection that Node has detached for an upgrade.
 *
 * The documented way, to emit 'connection', calls the user's listeners twice for one connection, and starts another
 * TLS handshake on a server with TLS. This is the function that Node calls for each new connection.
 */
export function parseAgain (server: Server, connection: Duplex): void {
  (http as unknown as { _connectionListener: (this: Server, connection: Duplex) => void })
    ._connectionListener.call(server, connection)
}

/**
 * Returns the response that an HTTP/1.1 connection is assigned to. `assignSocket()` of a second response throws. There
 * is no documented way to find the request of the first one.
 */
export function readResponse (connection: Duplex): ServerResponse | undefined {
  return (connection as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}

/**
 * Creates the HTTP/1.1 request of an upgrade, as a listener for 'upgrade' receives it: a GET without a body, which has
 * been read completely.
 *
 * Node documents the class, but not how to create the requests of another parser. `_addHeaderLines()` is what Node's
 * own parser calls. It makes `headers` and `headersDistinct`, which combine the values of a field, follow `rawHeaders`.
 *
 * @param rawHeaders names and values of the fields, alternating
 */
export function createUpgradeRequest (connection: Duplex, url: string, rawHeaders: string[]): IncomingMessage {
  const request = new IncomingMessage(connection as Socket)
  ;(request as unknown as { _addHeaderLines: (fields: string[], count: number) => void })
    ._addHeaderLines(rawHeaders, rawHeaders.length)
  Object.assign(request, {
    method: 'GET', url, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1, upgrade: true, complete: true
  })
  request.push(null)
  return request
}

/** The properties of a request by which Node decides how to encode its response: as over HTTP/1.1. */
const HTTP1_REQUEST: Partial<IncomingMessage> = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} }

/**
 * Creates a response of HTTP/1.1 to a request of either HTTP version, and assigns it to a connection.
 *
 * It is documented that Node creates the responses. For the events 'upgrade' and 'connect' it creates none, and without
 * one Fastify cannot route their requests. light-my-request, a dependency of Fastify, creates them in the same way.
 *
 * @throws ERR_HTTP_SOCKET_ASSIGNED if another response is assigned to the connection
 */
export function assignResponse (request: Pick<IncomingMessage, 'httpVersionMajor'>, connection: Writable): ServerResponse {
  const encodedFor = request.httpVersionMajor === 1 ? request : HTTP1_REQUEST
  const response = new ServerResponse(encodedFor as IncomingMessage)
  response.assignSocket(connection as Socket)
  return Object.assign(response, { req: request as IncomingMessage })
}

/** Detaches a response from its connection, to use the connection for another protocol. */
export function releaseConnection (response: ServerResponse): void {
  response.detachSocket(response.socket!)
}

/**
 * Resolves when a request of a client is ended, and so has all its header fields. Node emits no event for that before
 * the request has a connection.
 */
export async function whenEnded (request: ClientRequest): Promise<void> {
  await new Promise<void>((resolve) => {
    request.end = (...parameters: unknown[]) => {
      resolve()
      return Object.getPrototypeOf(request).end.apply(request, parameters)
    }
  })
}
