import { inspect } from 'node:util'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { WebSocket } from '../types/index.ts'
import { FST_WS_SLOW_CONSUMER } from './errors.ts'

/** Limit of the errors in a chain of `cause` that are read. */
const MAX_CAUSES = 16

/** Codes of the errors of ws, and of zlib for compressed messages. */
const PROTOCOL_ERROR = /^(?:WS_ERR|Z)_/

/**
 * Returns a thrown value as an Error whose properties can be read. Any value can be thrown, and the getters of an error
 * can throw themselves; loggers and error handlers do not expect either.
 *
 * @param thrower the name of the function that threw, for the message
 */
export function toError (thrown: unknown, thrower: string): Error {
  try {
    readLoggedProperties(thrown)
    return thrown instanceof Error ? thrown : new Error(`${thrower} threw ${inspect(thrown)}`, { cause: thrown })
  } catch {
    return new Error(`${thrower} threw a value that cannot be inspected`)
  }
}

/** Logs an error, or only its message if a serializer of the logger throws. */
export function logError (
  log: FastifyBaseLogger, error: Error, message: string | undefined = undefined, level: 'error' | 'warn' | 'info' = 'error'
): void {
  try {
    if (message === undefined) log[level](error)
    else log[level](error, message)
  } catch {
    log[level](`${message === undefined ? '' : `${message}: `}${error.message} (the logger failed to serialize the error)`)
  }
}

/** Reads the properties that loggers read of an error. Throws if one of its getters does. */
function readLoggedProperties (thrown: unknown): void {
  let error = thrown as Error | undefined
  for (let count = 0; count < MAX_CAUSES && typeof error === 'object' && error !== null; count++) {
    for (const text of [error.name, error.message, error.stack]) String(text)
    for (const name in error) Reflect.get(error, name)
    error = error.cause as Error | undefined
  }
}

/** Listener for 'error', without which the error would end the process. Something else reports it, or nobody has to. */
export function ignoreError (): void {}

/** Returns true if ws reported the error because of invalid data of the peer. */
export function isProtocolError (error: unknown): boolean {
  return error instanceof Error && 'code' in error && PROTOCOL_ERROR.test(String(error.code))
}

/**
 * Logs an error and closes its socket with 1011, unless `errorHandler` is set. After a protocol error of the peer, ws
 * has already sent the Close frame with the code of that error.
 */
export function closeWithError (error: Error, socket: WebSocket, { log }: FastifyRequest): void {
  const level = isProtocolError(error) ? 'info' : error instanceof FST_WS_SLOW_CONSUMER ? 'warn' : 'error'
  logError(log, error, undefined, level)
  socket.close(1011)
}
