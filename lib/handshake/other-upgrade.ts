import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { narrowUpgrades, parseAgain, readResponse } from '../internals/http1.ts'
import { kOwnListener } from '../symbols.ts'
import { isCleartextHttp2, isWebSocketUpgrade } from './headers.ts'

/** Fields that Node keeps of a request if `maxHeadersCount` is not set: half of the documented number. */
const MAX_HEADERS_COUNT = 1000

/**
 * Makes a server ignore upgrades to protocols other than WebSocket, and serve them as ordinary requests (RFC 9110
 * section 7.8). With a listener for 'upgrade', Node does not read their bodies. Java's HttpClient sends "Upgrade: h2c"
 * with its first request, with or without a body.
 *
 * @param listening the server that has the listeners for 'upgrade', if it is another one
 * @returns a function that undoes this, or undefined if this version of Node does not support it
 */
export function ignoreOtherUpgrades (server: Server, listening = server): (() => void) | undefined {
  return narrowUpgrades(server, ({ headers }) => {
    return isWebSocketUpgrade(headers) || (hasOtherListeners(listening) && !isCleartextHttp2(headers))
  })
}

/** Returns true if 'upgrade' has listeners other than the plugin's, which may support other protocols. */
export function hasOtherListeners (server: Server): boolean {
  return server.listenerCount('upgrade') > 1 && !server.listeners('upgrade').every((each) => kOwnListener in each)
}

/**
 * Returns whether another listener has taken an upgrade: it reads from the connection, has ended it, or has created a
 * response for it. Before it emits 'upgrade', Node removes its own listeners from the connection, and stops reading.
 */
export function isTaken (request: IncomingMessage, connection: Duplex): boolean {
  return connection.readableFlowing !== null || !connection.writable || readResponse(connection)?.req === request
}

/**
 * Returns a function that returns whether something has been written to a connection since now. Responses to earlier
 * requests do not count.
 */
export function watchWrites (connection: Socket): () => boolean {
  let written = 0
  const measure = (): void => {
    written = connection.bytesWritten
    // Of a pipelined request. Node has assigned the next response when it emits 'finish'.
    readResponse(connection)?.once('finish', measure)
  }
  measure()
  return () => connection.bytesWritten > written
}

/**
 * Serves a request to another protocol after Node has emitted it as an upgrade. The request head is put back into the
 * connection without `Connection: upgrade`, and the server parses the connection again.
 *
 * @param head the bytes that followed the request head
 * @returns false if the request cannot be parsed again
 */
export function serveAsRequest (server: Server, request: IncomingMessage, connection: Duplex, head: Buffer): boolean {
  // Node keeps the order of responses only within one parser. A truncated request may lack its Content-Length.
  if (readResponse(connection) !== undefined || isTruncated(server, request)) return false

  connection.unshift(Buffer.concat([toRequestHead(request), head]))
  connection.on('error', connectionOnError)
  // Deferred: the parser that has read the upgrade is already free for reuse, but still executing for this connection.
  setImmediate(() => {
    connection.off('error', connectionOnError)
    if (!connection.destroyed) parseAgain(server, connection)
  })
  return true
}

function isTruncated (server: Server, { rawHeaders }: IncomingMessage): boolean {
  const { maxHeadersCount } = server as { maxHeadersCount?: number | null }
  const limit = maxHeadersCount ?? MAX_HEADERS_COUNT
  return limit > 0 && rawHeaders.length >= limit * 2
}

/** Formats a request head without "Connection: upgrade". It never grows, because Node limits its size. */
function toRequestHead ({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
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
