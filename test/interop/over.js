/** What the app sees a socket come over. */
export const CONNECT = 'Extended CONNECT'
export const UPGRADE = 'Upgrade'
