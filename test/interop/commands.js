// What takes longer hangs: a slow machine takes a tenth.
const TIME_LIMIT = 10_000

/** Commands to another process, each until its answer has come. */
export class Commands {
  #send
  #waiting = new Map()
  #last = 0

  constructor (send) {
    this.#send = send
  }

  run (command) {
    const id = ++this.#last
    return within(command.do, new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send({ id, ...command })
    }))
  }

  answer ({ id, value, error, status }) {
    const { resolve, reject } = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) resolve(value)
    else reject(Object.assign(new Error(error), { status }))
  }

  /** Nobody will answer any more. */
  abandon (reason) {
    for (const { reject } of this.#waiting.values()) reject(reason)
    this.#waiting.clear()
  }
}

/** What the promise gives, or an error if that takes too long. */
export async function within (what, promise) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${TIME_LIMIT / 1000} s`)), TIME_LIMIT)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
