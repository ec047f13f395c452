import { Transform } from 'node:stream'

const RESULT = /^( *)(not )?ok \d+ - (.*?) # time=([\d.]+)ms/

/**
 * Prints a line for each test that passes, everything that TAP says of one that fails, and the count of both.
 * TAP gives a time to tests and to the files and groups that hold them; a test is what holds no other.
 */
export default class Reporter extends Transform {
  #rest = ''
  #lines = []
  #children = []
  #passed = 0
  #failed = 0

  _transform (chunk, _encoding, done) {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()
    for (const line of lines) this.#read(line)
    done()
  }

  _flush (done) {
    this.push(`\n${this.#passed} passed, ${this.#failed} failed\n`)
    done()
  }

  #read (line) {
    this.#lines.push(line)
    const result = RESULT.exec(line)
    if (result === null) return

    const [, indent, not, name, time] = result
    const failed = not !== undefined
    const depth = indent.length / 4
    const inside = this.#children.slice(depth + 1).flat()
    this.#children.length = depth + 1
    ;(this.#children[depth] ??= []).push(failed)

    // A file that fails though all its tests passed has crashed, or run out of time.
    const isTest = inside.length === 0 || (failed && !inside.includes(true))
    if (!isTest) return this.#finish(depth === 0 ? `${name} (${Math.round(time)} ms)\n` : '')
    if (failed) this.#failed++
    else this.#passed++
    this.#finish(failed ? `${this.#lines.join('\n')}\n` : `  ok ${name}\n`)
  }

  #finish (text) {
    this.#lines = []
    if (text !== '') this.push(text)
  }
}
