export const CHROMIUM_FLAGS = [
  // Chromium runs as root and without a GPU in containers.
  '--no-sandbox', '--disable-gpu',
  // Keeps the network traffic to that of the tests.
  '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // The drivers' own options ignore certificate errors of pages, but not of WebSockets.
  '--ignore-certificate-errors'
]
