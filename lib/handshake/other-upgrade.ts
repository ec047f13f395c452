import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { isWebSocketUpgrade } from './headers.ts'
import { narrowUpgrades, parseAgain, readResponse } from '../internals/http1.ts'
import { kOwnListener } from '../symbols.ts'

/** Fields that Node keeps of a request where `maxHeadersCount` is not set: half of what its documentation says. */
const MAX_HEADERS_COUNT = 1000

/**
 * Makes a server serve a request that asks for another protocol than WebSocket as if it did not ask (RFC 9110 section
 * 7.8). With a listener for 'upgrade', Node would read no body of it. Java's HttpClient sends "Upgrade: h2c" with its
 * first request, whether that has a body or not.
 *
 * @param listening the server that the listeners for 'upgrade' are on, where it is not the same
 * @returns what undoes it, or undefined where this Node cannot do it
 */
export function ignoreOtherUpgrades (server: Server, listening = server): (() => void) | undefined {
  return narrowUpgrades(server, ({ headers }) => isWebSocketUpgrade(headers) || hasOtherListeners(listening))
}

/** Whether others than we listen for 'upgrade', and may know the protocols that we do not. */
export function hasOtherListeners (server: Server): boolean {
  return server.listenerCount('upgrade') > 1 && !server.listeners('upgrade').every((each) => kOwnListener in each)
}

/**
 * Serves such a request after Node has reported it as an upgrade: its head is put back without `Connection: upgrade`,
 * and the server parses the connection again.
 *
 * @param head what followed the request's head
 * @returns whether it could be done
 */
export function serveAsRequest (server: Server, request: IncomingMessage, connection: Duplex, head: Buffer): boolean {
  // Node answers in order only what one parser has read. And of a request that Node has cut, the length may be missing.
  if (readResponse(connection) !== undefined || isCut(server, request)) return false

  connection.unshift(Buffer.concat([toHead(request), head]))
  connection.on('error', connectionOnError)
  // Not now: the parser that has read the upgrade is free for the next connection, but still at work on this one.
  setImmediate(() => {
    connection.off('error', connectionOnError)
    if (!connection.destroyed) parseAgain(server, connection)
  })
  return true
}

function isCut (server: Server, { rawHeaders }: IncomingMessage): boolean {
  const { maxHeadersCount } = server as { maxHeadersCount?: number | null }
  const limit = maxHeadersCount ?? MAX_HEADERS_COUNT
  return limit > 0 && rawHeaders.length >= limit * 2
}

/** The head of a request without "Connection: upgrade". It is no longer than it was: Node has a limit. */
function toHead ({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name, value] = rawHeaders.slice(index, index + 2) as [string, string]
    const kept = name.toLowerCase() === 'connection' ? withoutUpgrade(value) : value
    lines.push(`${name}:${kept}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function withoutUpgrade (options: string): string {
  return options.split(',').filter((option) => option.trim().toLowerCase() !== 'upgrade').join(',')
}

function connectionOnError (this: Duplex): void {
  this.destroy()
}
