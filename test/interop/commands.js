import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

// A slow machine needs a tenth of it.
const TIME_LIMIT = 10_000
/** In ms. */
const PAUSE = 20

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

/** Waits until a condition holds, which may be asynchronous. Throws if it does not hold after the time limit. */
export async function waitUntil (name, condition) {
  const timeout = AbortSignal.timeout(TIME_LIMIT)
  while (!await condition()) {
    assert.ok(!timeout.aborted, `${name}: not after ${TIME_LIMIT / 1000} s`)
    await sleep(PAUSE)
  }
}
