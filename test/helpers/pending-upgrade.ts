import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import fastify from 'fastify'
import type { FastifyBaseLogger } from 'fastify'
import type { UpgradeHandler } from '../../index.ts'
import { serveUpgrade } from '../../lib/handshake/http1.ts'
import { OtherServers } from '../../lib/handshake/other-servers.ts'
import type { RawRequest, Upgrade } from '../../lib/handshake/upgrade.ts'
import { createLoopback } from '../../lib/inject/loopback.ts'
import { injectConnection } from '../../lib/internals/http1.ts'
import { kUpgrade } from '../../lib/symbols.ts'
import { captureLogs } from './logs.ts'
import type { LogLine } from './logs.ts'
import { upgradeRequest } from './upgrade-request.ts'

/** A handshake over HTTP/1.1 that no route has answered yet. */
export interface PendingUpgrade {
  request: RawRequest
  response: ServerResponse
  upgrade: Upgrade
  /** The client's end of the connection. */
  client: Duplex
}

/** Sends a handshake in memory, and returns it as it is passed to Fastify. */
export async function receiveUpgrade (
  log: FastifyBaseLogger = createLog().log, text = upgradeRequest('/')
): Promise<PendingUpgrade> {
  const server = createServer()
  return await new Promise((resolve) => {
    serveUpgrade(server, createOthers(server), (request, response) => {
      resolve({ request, response, upgrade: request[kUpgrade]!, client })
    }, log)
    const client = sendInMemory(server, text)
  })
}

/**
 * Creates the other servers of a port.
 *
 * @param isMatch whether each request matches a websocket route
 */
export function createOthers (
  server: Server, isMatch = true, upgradeFallback?: UpgradeHandler | false, log = createLog().log
): OtherServers {
  return new OtherServers(server, { upgradeFallback, handshakeTimeout: 0 }, (_request, done) => done(isMatch), log)
}

/** Sends text on a new connection to a server, in memory. Returns the client's end of it. */
export function sendInMemory (server: Server, text: string): Duplex {
  const [client, connection] = createLoopback()
  injectConnection(server, connection, 'http/1.1')
  client.write(text, 'latin1')
  return client
}

/** Returns a logger of Fastify, and its lines at info or above. */
export function createLog (): { log: FastifyBaseLogger, logs: LogLine[] } {
  const { logger, logs } = captureLogs('info')
  return { log: fastify({ logger }).log, logs }
}

/** Returns everything that the other end of a connection sends until it ends. */
export async function readToEnd (connection: Duplex): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of connection) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}
