import type { RawRequest, Refusal, RefusedHandshake, Upgrade } from './upgrade.ts'

/** Refusal of a request that does not conform to RFC 6455. ws writes the response. */
export const REFUSED_BY_WS: Refusal = { cause: 'invalid_request', isLogged: false }

/** Describes a pending handshake that has been refused, or whose client has left. */
export function toRefused (upgrade: Upgrade): RefusedHandshake {
  const { httpVersion, request, status, response, log } = upgrade
  const cause = status === undefined ? 'aborted' : 'reply'
  return {
    rawRequest: response.req as RawRequest,
    httpVersion,
    upgrade,
    request,
    status,
    log,
    ...(upgrade.refusal ?? { cause, isLogged: false })
  }
}
