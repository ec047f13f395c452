/** The handshakes that open a socket, as the app sees them. */
export const CONNECT = 'Extended CONNECT'
export const UPGRADE = 'Upgrade'
