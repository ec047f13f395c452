/** Whether an error is one that ws found in what the peer sent. */
export function isPeerError (error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('WS_ERR_')
}
