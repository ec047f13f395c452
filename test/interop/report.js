/** The results of all peers in all setups. */
export class Report {
  rows = []
  skipped = []

  addRow (...properties) {
    const row = new Row(...properties)
    this.rows.push(row)
    return row
  }

  skip ({ name }) {
    this.skipped.push(name)
    console.log(`# ${name}: skipped, not installed (npm run interop:install)`)
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
  unsupported = {}
  notes = []

  constructor (peer, version, setup, transport) {
    Object.assign(this, { peer, version, setup, transport })
  }

  get name () {
    return `${this.peer}, ${this.setup}`
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
    const unsupported = Object.keys(this.unsupported)
    if (unsupported.length > 0) counts.push(`unsupported: ${unsupported.join(', ')}`)
    const transport = this.transport === undefined ? '' : ` (${this.transport})`
    return `${this.peer} ${this.version}, ${this.setup}${transport}: ${[...counts, ...this.notes].join('; ')}`
  }

  skip (name, reason) {
    this.unsupported[name] = reason
    console.log(`# ${this.name}: ${name}: unsupported by this peer: ${reason}`)
  }
}
