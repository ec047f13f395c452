import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { StreamSocket } from '../http2/stream-socket.ts'
import { connectionOf } from '../socket/connection.ts'

/** Members of net.Socket and tls.TLSSocket that describe the TCP connection. A stream has those of its session. */
const OF_CONNECTION = [
  'address', 'alpnProtocol', 'authorizationError', 'authorized', 'encrypted', 'getCipher', 'getPeerCertificate',
  'getPeerX509Certificate', 'getProtocol', 'localAddress', 'localFamily', 'localPort', 'remoteAddress', 'remoteFamily',
  'remotePort', 'servername'
]

/** Members of net.Socket that have no effect on a stream: they would change the connection of all its siblings. */
const WITHOUT_EFFECT = ['ref', 'setKeepAlive', 'setNoDelay', 'unref']

const MEMBERS: PropertyDescriptorMap & ThisType<Duplex> = {
  ...Object.fromEntries(OF_CONNECTION.map((name) => [name, { configurable: true, get: createGetter(name) }])),
  ...Object.fromEntries(WITHOUT_EFFECT.map((name) => [name, toMethod(returnThis)])),
  bytesWritten: { configurable: true, get (this: Duplex) { return bytesWritten(streamSocketOf(this)) } },
  connecting: { configurable: true, value: false },
  destroySoon: toMethod(destroySoon),
  readyState: { configurable: true, get: readyState },
  resetAndDestroy: toMethod(resetAndDestroy)
}

/**
 * Adds the members of net.Socket to a stream that a listener for 'upgrade' receives as its connection, except those
 * that a stream has anyway. The members are properties of the stream, like those of `hookMethods()`.
 */
export function addSocketMembers ({ stream }: StreamSocket): void {
  Object.defineProperties(stream, MEMBERS)
}

function toMethod (value: (this: Duplex) => unknown): PropertyDescriptor {
  return { configurable: true, writable: true, value }
}

function createGetter (name: string) {
  return function (this: Duplex): unknown {
    const connection = streamSocketOf(this).transport as Record<string, unknown> | undefined
    const value = connection?.[name]
    return typeof value === 'function' ? value.bind(connection) : value
  }
}

/** Returns the bytes written so far. Those of a text are counted as the most that it may have, once it was sent. */
function bytesWritten ({ stream, writer }: StreamSocket): number {
  return writer.bytesSent + stream.writableLength - writer.bytesAlreadySent
}

function readyState (this: Duplex): Socket['readyState'] {
  if (this.readable) return this.writable ? 'open' : 'readOnly'
  return this.writable ? 'writeOnly' : 'closed'
}

function returnThis (this: Duplex): Duplex {
  return this
}

function destroySoon (this: Duplex): void {
  if (this.writable) this.end()
  if (this.writableFinished) this.destroy()
  else this.once('finish', this.destroy)
}

/** Resets the stream as `destroy()` does, in place of the connection. */
function resetAndDestroy (this: Duplex): Duplex {
  return this.destroy()
}

function streamSocketOf (stream: Duplex): StreamSocket {
  return connectionOf(stream) as StreamSocket
}
