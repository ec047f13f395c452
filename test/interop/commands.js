// A slow machine needs a tenth of it.
const TIME_LIMIT = 10_000

/** Sends commands to another process, and matches its responses to them by `id`. */
export class Commands {
  #send
  #pending = new Map()
  #lastId = 0

  constructor (send) {
    this.#send = send
  }

  /** Sends a command. Returns the value of its response. */
  run (command) {
    const id = ++this.#lastId
    return withTimeout(command.do, new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#send({ id, ...command })
    }))
  }

  handleResponse ({ id, value, error, status }) {
    const { resolve, reject } = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) resolve(value)
    else reject(Object.assign(new Error(error), { status }))
  }

  /** Rejects all pending commands: the process has exited. */
  rejectAll (reason) {
    for (const { reject } of this.#pending.values()) reject(reason)
    this.#pending.clear()
  }
}

/** Returns what the promise resolves to. Throws if it is still pending after the time limit. */
export async function withTimeout (name, promise) {
  let timer
  const timedOut = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${name}: timed out after ${TIME_LIMIT / 1000} s`)), TIME_LIMIT)
  })
  try {
    return await Promise.race([promise, timedOut])
  } finally {
    clearTimeout(timer)
  }
}
