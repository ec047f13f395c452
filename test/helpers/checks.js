/** Runs checks, prints one line for each, and counts them. */
export class Checks {
  #passed = 0
  #failed = 0
  #current = 'startup'

  /** Runs one check and returns its result. A failure is reported and does not stop the checks that follow. */
  async run (name, check) {
    this.#current = name
    try {
      const result = await check()
      this.#passed++
      console.log(`ok ${name}`)
      return result
    } catch (error) {
      this.fail(name, error)
      return undefined
    }
  }

  fail (name, error) {
    this.#failed++
    console.log(`not ok ${name}\n${String(error?.stack ?? error).replace(/^/gm, '  ')}`)
  }

  /** Ends the process with a failure of the current check after a time, in ms. Returns the timer. */
  limit (time) {
    return setTimeout(() => {
      this.fail(this.#current, new Error(`timed out after ${time / 1000} s`))
      process.exit(this.finish())
    }, time)
  }

  /** Prints both counts and returns the exit code. */
  finish () {
    console.log(`\n${this.#passed} passed, ${this.#failed} failed`)
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1
  }
}
