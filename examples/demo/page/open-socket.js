/* global WebSocket */

const TIMEOUT = 60_000

/** An error of a socket that did not open, or that the server or the network closed, with the close code. */
export class SocketError extends Error {
  /** The number of sockets that were opened before. */
  opened = 0

  constructor (message, code) {
    super(`${message}: close code ${code}.`)
    this.code = code
  }
}

/** Resolves to a socket that is open, with its first message as `greeting` if its route sends one. */
export function openSocket (url, signal, hasGreeting = true) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'))
    socket.binaryType = 'arraybuffer'
    const abort = () => {
      socket.close()
      reject(signal?.aborted ? signal.reason : new Error(`A socket did not open within ${TIMEOUT / 1000} seconds.`))
    }
    const timer = setTimeout(abort, TIMEOUT)
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      socket.onclose = socket.onmessage = socket.onopen = null
    }
    socket.onclose = ({ code }) => {
      settle()
      reject(new SocketError('A socket did not open', code))
    }
    socket[hasGreeting ? 'onmessage' : 'onopen'] = ({ data }) => {
      settle()
      socket.greeting = data
      resolve(socket)
    }
    signal?.addEventListener('abort', abort)
  })
}

/** Closes a socket, and resolves when it is closed. */
export function closeSocket (socket) {
  return new Promise((resolve) => {
    if (socket.readyState === WebSocket.CLOSED) return resolve()
    socket.addEventListener('close', resolve)
    socket.close(1000)
  })
}
