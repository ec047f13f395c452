/** Runs the commands of the suite with any WebSocket class that follows the HTML standard, in a page or in Node. */
export class Sockets {
  #sockets = []
  #create

  /** @param create creates a socket from a URL, subprotocols and headers; a client may ignore the headers */
  constructor (create) {
    this.#create = create
  }

  run ({ do: name, socket, ...args }) {
    if (name === 'open') return this.#open(args)
    return this.#sockets[socket][name](args)
  }

  async #open ({ url, protocols, headers }) {
    const socket = new Socket(this.#create(url, protocols ?? [], headers ?? {}))
    await socket.opened
    return { socket: this.#sockets.push(socket) - 1, protocol: socket.protocol }
  }
}

class Socket {
  #socket
  #closed

  constructor (socket) {
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    this.#closed = new Promise((resolve) => {
      // Deno reports an aborted socket with code 0.
      socket.addEventListener('close', ({ code, reason }) => resolve({ code: code === 0 ? 1006 : code, reason }))
    })
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', () => reject(new Error('the socket did not open')))
      socket.addEventListener('close', () => reject(new Error('the socket closed before it opened')))
    })
  }

  get protocol () {
    return this.#socket.protocol
  }

  async echo ({ kind, bytes }) {
    const data = kind === 'text' ? makeText(bytes) : makeBytes(bytes)
    const answer = new Promise((resolve, reject) => {
      this.#socket.addEventListener('message', ({ data }) => resolve(data), { once: true })
      this.#closed.then(({ code }) => reject(new Error(`closed with ${code} instead of an answer`)))
    })
    this.#socket.send(data)
    return isEqual(data, await answer)
  }

  close ({ code, reason }) {
    this.#socket.close(code, reason)
    return this.#closed
  }

  closed () {
    return this.#closed
  }

  abort () {
    if (this.#socket.terminate === undefined) throw new Error('a WebSocket of the HTML standard has no abort')
    this.#socket.terminate()
    return null
  }
}

function makeText (bytes) {
  const pattern = 'grüße 🙂 '
  return pattern.repeat(bytes / new TextEncoder().encode(pattern).length)
}

function makeBytes (length) {
  return Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8))
}

function isEqual (sent, received) {
  if (typeof sent === 'string') return received === sent
  if (!(received instanceof ArrayBuffer) || received.byteLength !== sent.length) return false
  return new Uint8Array(received).every((byte, index) => byte === sent[index])
}
