import { inspect } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'

// An error, its cause, the cause of that, and so on.
const MAX_CAUSES = 16

/** What ws finds wrong itself, and what zlib does where a message is compressed. */
const PROTOCOL_ERROR = /^(?:WS_ERR|Z)_/

/**
 * What was thrown, as an error. JavaScript lets one throw anything, and what looks like an error may throw when it is
 * looked at: loggers and errorHandlers need not know.
 *
 * @param thrower what threw it
 */
export function toError (thrown: unknown, thrower: string): Error {
  try {
    readAll(thrown)
    return thrown instanceof Error ? thrown : new Error(`${thrower} threw ${inspect(thrown)}`, { cause: thrown })
  } catch {
    return new Error(`${thrower} threw something that cannot be printed`)
  }
}

/** Logs an error, and at least its message where a serializer of the logger fails. */
export function logError (
  log: FastifyBaseLogger, error: Error, message: string | undefined = undefined, level: 'error' | 'warn' | 'info' = 'error'
): void {
  try {
    if (message === undefined) log[level](error)
    else log[level](error, message)
  } catch {
    log[level](`${message === undefined ? '' : `${message}: `}${error.message} (the logger could not serialize it)`)
  }
}

/** Reads what loggers read of an error. */
function readAll (thrown: unknown): void {
  let each = thrown as Error | undefined
  for (let count = 0; count < MAX_CAUSES && typeof each === 'object' && each !== null; count++) {
    for (const text of [each.name, each.message, each.stack]) String(text)
    for (const name in each) Reflect.get(each, name)
    each = each.cause as Error | undefined
  }
}

/** Returns whether an error is one that ws found in what the peer sent. */
export function isProtocolError (error: unknown): boolean {
  return error instanceof Error && 'code' in error && PROTOCOL_ERROR.test(String(error.code))
}
