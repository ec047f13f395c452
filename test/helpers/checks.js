/** Counts checks, and prints a line for each. */
export class Checks {
  #passed = 0
  #failed = 0
  #current = 'the start'

  /** Runs one check. Where it fails, those after it run all the same. Gives what the check gave. */
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

  failCurrent (error) {
    this.fail(this.#current, error)
  }

  /** Prints the count of both. Gives the exit code. */
  finish () {
    console.log(`\n${this.#passed} passed, ${this.#failed} failed`)
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1
  }
}
