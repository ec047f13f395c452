/* global addEventListener, document, navigator, WebSocket */
const MIN_DELAY = 500
const MAX_DELAY = 30_000
const REQUEST_TIMEOUT = 10_000
const LOGIN_CODE = 4001
/** The connection was lost, or the server is restarting or has failed. Any other code would be the same next time. */
const RETRY_CODES = [1001, 1005, 1006, 1011, 1012, 1013]

/**
 * Opens a socket, and another one whenever it is lost. `getUrl` returns the URL of the next one. `onState` is called with
 * 'open' before the first message of a socket, with 'waiting' before another attempt, and at last with 'login' or
 * 'closed'. Returns a function that sends data if the state is 'open'.
 */
export function reconnect (getUrl, { onMessage, onState }) {
  let failures = 0
  let openSocket
  let endPause
  addEventListener('online', () => endPause?.())
  document.addEventListener('visibilitychange', () => endPause?.())
  run()
  return (data) => openSocket?.send(data)

  async function run () {
    for (;;) {
      while (document.hidden || !navigator.onLine) await pause()
      const code = await connect(getUrl())
      openSocket = undefined
      if (!RETRY_CODES.includes(code)) return onState(code === LOGIN_CODE ? 'login' : 'closed')
      onState('waiting')
      await pause(Math.random() * Math.min(MAX_DELAY, MIN_DELAY * 2 ** failures++))
    }
  }

  /** Resolves with the close code of a socket. */
  async function connect (url) {
    // A page cannot see the status of a refused handshake. It can see that of a request, which runs the same hooks.
    const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT) }).catch(() => ({}))
    if (!ok) return status === 401 ? LOGIN_CODE : 1006
    const socket = new WebSocket(String(url).replace('http', 'ws'))
    socket.addEventListener('message', ({ data }) => {
      if (openSocket === undefined) onState('open')
      openSocket = socket
      failures = 0
      onMessage(data)
    })
    return await new Promise((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)))
  }

  /** Waits for a time, or until the page is online or its visibility changes. */
  function pause (ms) {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
