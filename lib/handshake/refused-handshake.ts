import type { RawRequest, RefusedHandshake, Upgrade } from './upgrade.ts'

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
