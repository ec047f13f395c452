/** Without them it asks for what a test machine has not, or for the network. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
  // What drives it can ignore them for pages, and not for WebSockets.
  '--ignore-certificate-errors'
]
