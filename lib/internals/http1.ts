import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'

/**
 * Hands a connection to a server as if it had come to its port, and as if TLS, where the server has it, were done.
 *
 * To emit 'connection' is documented, to emit 'secureConnection' is not. The documented way is a TLS handshake in
 * memory: it needs a certificate of the client where the server asks for one, and cannot say where a client is.
 */
export function injectConnection (server: Server, connection: Duplex): void {
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', connection as Socket)
}

/**
 * Makes a server ask which requests with an Upgrade field are upgrades, besides what it asks already. Node serves the
 * others as requests, with their bodies. Returns what undoes it, or undefined where this Node does not ask.
 *
 * Node documents `shouldUpgradeCallback` as an option of `createServer()`, which Fastify has called before a plugin is
 * registered. The server keeps it as a property, and reads it for each request. Node 20 has nothing like it.
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
 * Gives a connection, of which Node's parser has let go for an upgrade, back to a parser of the server.
 *
 * The documented way, to emit 'connection', calls the user's listeners twice for one connection, and starts another
 * TLS handshake on a server with TLS. This is what Node itself calls for each new connection.
 */
export function parseAgain (server: Server, connection: Duplex): void {
  (http as unknown as { _connectionListener: (this: Server, connection: Duplex) => void })
    ._connectionListener.call(server, connection)
}

/**
 * Returns the response that an HTTP/1.1 connection is assigned to. `assignSocket()` of a second response throws, and
 * only this property says for which request the first was made.
 */
export function readResponse (connection: Duplex): ServerResponse | undefined {
  return (connection as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}
