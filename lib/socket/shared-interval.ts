/** Object that a SharedInterval calls. */
export interface Beating {
  /** Time of the next call, by `performance.now()`. Set by the SharedInterval. */
  due: number
  beat (): void
}

/**
 * One timer that calls many objects, each once in an interval, counted from the time when it was added. A timer for
 * each idle socket would take four times the memory. All have the same interval, so the order in which they were added,
 * or called, is the order in which they are due.
 */
export class SharedInterval {
  readonly #interval: number
  readonly #members = new Set<Beating>()
  #timer: NodeJS.Timeout | undefined

  /** @param interval in ms */
  constructor (interval: number) {
    this.#interval = interval
  }

  get size (): number {
    return this.#members.size
  }

  add (member: Beating): void {
    this.#append(member, performance.now())
    this.#timer ??= this.#schedule(this.#interval)
  }

  delete (member: Beating): void {
    this.#members.delete(member)
    if (this.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Calls the members that are due. If one throws, the others are called by the next timer. */
  run (): void {
    const [first] = this.#members
    // A timer may fire early by a fraction of a ms, and a timer of a test that mocks timers by any time.
    const now = Math.max(performance.now(), first?.due ?? 0)
    try {
      for (const member of this.#members) {
        if (member.due > now) break
        this.#members.delete(member)
        this.#append(member, now)
        member.beat()
      }
    } finally {
      // A member may have removed all others, and then added one, which has set a timer.
      clearTimeout(this.#timer)
      const [next] = this.#members
      this.#timer = next && this.#schedule(Math.max(1, next.due - now))
    }
  }

  #append (member: Beating, now: number): void {
    member.due = now + this.#interval
    this.#members.add(member)
  }

  /** The timer alone does not keep the process running. */
  #schedule (delay: number): NodeJS.Timeout {
    return setTimeout(run, delay, this).unref()
  }
}

const intervals = new Map<number, SharedInterval>()

/** Begins to call an object once in each interval, in ms. */
export function beginBeats (member: Beating, interval: number): void {
  let shared = intervals.get(interval)
  if (shared === undefined) intervals.set(interval, shared = new SharedInterval(interval))
  shared.add(member)
}

/** Ends the calls of an object. */
export function endBeats (member: Beating, interval: number): void {
  const shared = intervals.get(interval)
  shared?.delete(member)
  if (shared?.size === 0) intervals.delete(interval)
}

function run (interval: SharedInterval): void {
  interval.run()
}
