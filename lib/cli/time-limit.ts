/** Rounds a time in ms to microseconds. */
export function toMs (time: number): number {
  return Math.round(time * 1000) / 1000
}

/** Error of a step that took longer than `--timeout`. */
export class TimeLimitError extends Error {
  readonly code = 'ETIMEDOUT'
}

/**
 * Waits for the result of a step.
 *
 * @param step for the message: "the TLS handshake"
 * @param limit in ms
 * @throws TimeLimitError if the time limit is exceeded first
 */
export async function withinLimit<Result> (step: string, limit: number, result: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const exceeded = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TimeLimitError(`${step} took longer than ${limit} ms`)), limit)
  })
  try {
    return await Promise.race([result, exceeded])
  } finally {
    clearTimeout(timer)
    // It may reject later, when its connection is destroyed.
    result.catch(() => {})
  }
}
