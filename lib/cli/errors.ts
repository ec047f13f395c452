import type { ErrorFacts } from './result.ts'

/** Properties that errors of Node, of its TLS and of several addresses of a host have. */
interface NodeError extends Error {
  code?: string
  /** These two are of OpenSSL, whose message also has the file and line of its source. */
  library?: string
  reason?: string
  errors?: Error[]
}

/** Returns the code and the message of an error, in one line. */
export function describeError (error: Error): ErrorFacts {
  const { code, message, library, reason, errors } = error as NodeError
  // A host with several addresses: Node reports one error for all of them, without a message.
  if (errors?.[0] !== undefined && message === '') return { code: code ?? 'UNKNOWN', message: errors.map(toMessage).join('; ') }
  const text = library === undefined ? message : `TLS: ${reason}`
  return { code: code ?? 'UNKNOWN', message: text.trim().replace(/\s+/g, ' ') }
}

function toMessage ({ message }: Error): string {
  return message
}
