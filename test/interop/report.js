/** What held of which peer by which way. */
export class Report {
  rows = []
  skipped = []

  addRow (...about) {
    const row = new Row(...about)
    this.rows.push(row)
    return row
  }

  skip ({ name }) {
    this.skipped.push(name)
    console.log(`# ${name}: skipped, it is not installed (npm run interop:install)`)
  }

  get hasFailed () {
    return this.rows.length === 0 || this.rows.some(({ failed }) => failed.length > 0)
  }

  format () {
    const count = (key) => this.rows.reduce((sum, row) => sum + row[key].length, 0)
    return [
      '',
      ...this.rows.map((row) => row.format()),
      ...this.skipped.map((name) => `${name}: skipped`),
      '',
      `${count('passed')} passed, ${count('failed')} failed`
    ].join('\n')
  }
}

class Row {
  passed = []
  failed = []
  lacks = {}
  notes = []

  constructor (peer, version, way, over) {
    Object.assign(this, { peer, version, way, over })
  }

  get name () {
    return `${this.peer}, ${this.way}`
  }

  async check (name, run) {
    const start = performance.now()
    try {
      const note = await run()
      this.passed.push(name)
      if (note !== undefined) this.notes.push(note)
      console.log(`ok ${this.name}: ${name} (${Math.round(performance.now() - start)} ms)`)
    } catch (error) {
      this.fail(name, error)
    }
  }

  fail (name, error) {
    this.failed.push(name)
    console.log(`not ok ${this.name}: ${name}\n${String(error.stack).replace(/^/gm, '  ')}`)
  }

  format () {
    const counts = [`${this.passed.length} passed`]
    if (this.failed.length > 0) counts.push(`${this.failed.length} FAILED`)
    const lacking = Object.keys(this.lacks)
    if (lacking.length > 0) counts.push(`not: ${lacking.join(', ')}`)
    const over = this.over === undefined ? '' : ` (${this.over})`
    return `${this.peer} ${this.version}, ${this.way}${over}: ${[...counts, ...this.notes].join('; ')}`
  }

  lack (name, reason) {
    this.lacks[name] = reason
    console.log(`# ${this.name}: ${name}: not with this peer, ${reason}`)
  }
}
