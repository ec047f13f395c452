/**
 * Listens on the port in PORT, prints the address, and closes the app after Ctrl-C. `command` starts the example: the
 * error of a port that is taken shows it.
 */
export async function listen (app, command) {
  const port = readPort()
  try {
    await app.listen({ host: 'localhost', port })
  } catch (error) {
    failToListen(error, port, command)
  }
  announce(app.server.address().port)
  onInterrupt(() => app.close())
}

/** Returns the port in an environment variable, or the default. */
export function readPort (name = 'PORT', defaultPort = 8443) {
  const value = process.env[name] || String(defaultPort)
  if (/^\d{1,5}$/.test(value) && Number(value) < 65536) return Number(value)
  return fail(`${name} must be an integer from 0 to 65535, got ${JSON.stringify(value)}`)
}

/** Prints the address of an example. */
export function announce (port) {
  console.log(`Open https://localhost:${port} (its certificate is self-signed: the browser will warn)`)
}

/** Calls a function on SIGINT and SIGTERM. It may be called twice: SIGINT may arrive from the terminal, and from npm. */
export function onInterrupt (close) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, close)
}

/** Prints why an example cannot listen on a port, which is in the environment variable, and exits. */
export function failToListen ({ code, message }, port, command, variable = 'PORT') {
  const other = port === 8444 ? 8445 : 8444
  fail(code === 'EADDRINUSE'
    ? `Port ${port} is taken. Set ${variable} to a free one, for example: ${variable}=${other} ${command}`
    : `Cannot listen on port ${port}: ${message}`)
}

/** Prints an error, and exits. */
export function fail (message) {
  console.error(message)
  process.exit(1)
}
