import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'

/**
 * Passes a connection to a server as if it had been accepted on its port and, on a server with TLS, its TLS handshake
 * were complete.
 *
 * Emitting 'connection' is documented, emitting 'secureConnection' is not. The documented way is a TLS handshake in
 * memory. It needs a client certificate if the server requests one, and cannot set the address of the client.
 */
export function injectConnection (server: Server, connection: Duplex): void {
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
