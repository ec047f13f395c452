import type { Http2Session, Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { readSendQueue } from '../internals/streams.ts'
import { connectionOf } from './sessions.ts'
import { countSent } from './stream-socket.ts'

/** Sessions that have been sent a PING which they have not answered yet. */
const pingedSessions = new WeakSet<Http2Session>()

/**
 * Returns a number that changes when a peer takes more of what waits for it. A stream has to wait for its session's
 * connection too: while that is congested, its progress is that of the stream.
 */
export function measureProgress (carrier: Duplex): number {
  const connection = connectionOf(carrier)
  const queue = connection && readSendQueue(connection)
  if (connection === carrier) return queue?.accepted ?? -carrier.writableLength
  return countSent(carrier) + (queue !== undefined && queue.queued > 0 ? queue.accepted : 0)
}

/** Returns the bytes that the kernel has taken from the connection of a carrier, whoever wrote them. */
export function countCarried (carrier: Duplex): number {
  const connection = connectionOf(carrier)
  return (connection && readSendQueue(connection)?.accepted) ?? 0
}

/**
 * Destroys the connection of an HTTP/2 session that does not answer a PING (RFC 9113 section 6.7). A session whose
 * connection is congested is given time, as long as its peer takes something. Behind a proxy the peer of one socket may
 * have disconnected alone. Node itself waits for as long as TCP does. Where a write over TLS has failed
 * (nodejs/node#55804) it waits indefinitely, as it does with the connection of a session that is destroyed.
 *
 * @param timeout for the answer, in ms
 */
export function destroyIfUnresponsive (carrier: Duplex, timeout: number): void {
  const { session } = carrier as Partial<Http2Stream>
  if (session === undefined || session.destroyed || pingedSessions.has(session)) return

  const connection = connectionOf(carrier)
  let progress = readProgress(connection)
  const timer = setInterval(() => {
    const next = readProgress(connection)
    const hasMoved = next !== undefined && next !== progress
    progress = next
    if (hasMoved) return
    clearInterval(timer)
    if (!session.destroyed || connection?.destroyed === false) (connection ?? session).destroy()
  }, timeout)
  pingedSessions.add(session)
  session.ping(() => {
    clearInterval(timer)
    pingedSessions.delete(session)
  })
}

/** Returns what the kernel has taken of what waits for it; undefined where nothing waits. */
function readProgress (connection: Duplex | undefined): number | undefined {
  const queue = connection && readSendQueue(connection)
  return queue !== undefined && queue.queued > 0 ? queue.accepted : undefined
}
