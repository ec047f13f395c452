/** What ws finds wrong itself, and what zlib does where a message is compressed. */
const PEER_ERROR = /^(?:WS_ERR|Z)_/

/** Returns whether an error is one that ws found in what the peer sent. */
export function isPeerError (error: unknown): boolean {
  return error instanceof Error && 'code' in error && PEER_ERROR.test(String(error.code))
}
