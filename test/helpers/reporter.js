import { Transform } from 'node:stream'

const RESULT = /^( *)(not )?ok \d+ - (.*?) # time=([\d.]+)ms/

/**
 * A tap reporter. Prints one line for each test that passed, the whole TAP output of each test that failed, and both
 * counts. In TAP, tests, the groups that contain them, and files all have a time; only what contains no other is a test.
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

    // A file that failed although all of its tests passed has crashed or timed out.
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
