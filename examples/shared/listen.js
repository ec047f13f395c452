/**
 * Listens on the port in PORT, prints the address, and closes the app after Ctrl-C. `command` starts the example: the
 * error of a port that is taken shows it.
 */
export async function listen (app, command) {
  const port = readPort()
  try {
    await app.listen({ host: 'localhost', port })
  } catch (error) {
    fail(error.code === 'EADDRINUSE'
      ? `Port ${port} is taken. Set PORT to a free one, for example: PORT=${port === 8444 ? 8445 : 8444} ${command}`
      : `Cannot listen on port ${port}: ${error.message}`)
  }
  console.log(`Open https://localhost:${app.server.address().port} (its certificate is self-signed: the browser will warn)`)

  // After Ctrl-C, SIGINT may arrive twice: from the terminal, and from npm. app.close() may be called twice.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => app.close())
}

/** Returns the port in PORT. Without it, this is 8443. */
export function readPort () {
  const value = process.env.PORT || '8443'
  if (/^\d{1,5}$/.test(value) && Number(value) < 65536) return Number(value)
  return fail(`PORT must be an integer from 0 to 65535, got ${JSON.stringify(value)}`)
}

/** Prints an error, and exits. */
export function fail (message) {
  console.error(message)
  process.exit(1)
}
