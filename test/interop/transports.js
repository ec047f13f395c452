/** The handshakes that open a socket, as the app sees them. */
export const CONNECT = 'Extended CONNECT'
export const UPGRADE = 'Upgrade'

/** Returns the handshake that a proxy sends to the app. */
export function transportTo ({ upstreamHttpVersion }) {
  return upstreamHttpVersion === '2.0' ? CONNECT : UPGRADE
}

/** Returns the name of the port of an app that a proxy connects to. */
export function portName (proxy, tls) {
  if (tls) return 'tls'
  return transportTo(proxy) === CONNECT ? 'h2c' : 'h1'
}
