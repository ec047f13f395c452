import type { ProbeResult } from './result.ts'

/** Exit codes, and their meanings for the help and the documentation. 1 is that of Node for an uncaught exception. */
export const EXIT_CODES = {
  opened: { code: 0, meaning: 'the socket opened over the expected HTTP version, and worked' },
  usage: { code: 2, meaning: 'the arguments are invalid; nothing was sent' },
  notHttp2: { code: 3, meaning: 'the server does not offer WebSocket over HTTP/2, which was expected' },
  refused: { code: 4, meaning: 'the server refused the handshake with an HTTP status' },
  failed: { code: 5, meaning: 'there was no answer: DNS, connection, TLS, certificate, time limit' },
  ended: { code: 6, meaning: 'the socket opened, then closed by itself or did not answer' }
} as const

/**
 * Returns the exit code of a result.
 *
 * @param expectsAnswer whether a text was sent, which the server has to answer
 */
export function toExitCode ({ expectedHttpVersion, socket }: ProbeResult, expectsAnswer: boolean): number {
  return EXIT_CODES[toName(expectedHttpVersion, socket, expectsAnswer)].code
}

function toName (
  expected: ProbeResult['expectedHttpVersion'], socket: ProbeResult['socket'], expectsAnswer: boolean
): keyof typeof EXIT_CODES {
  const { outcome, httpVersion, endedEarly, pings, answer } = socket
  if (outcome === 'refused' || outcome === 'failed') return outcome
  if (outcome === 'unavailable') return 'notHttp2'
  if (endedEarly || pings === null || (expectsAnswer && answer === null)) return 'ended'
  return httpVersion === expected ? 'opened' : 'notHttp2'
}
