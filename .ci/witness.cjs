const { appendFileSync } = require('node:fs')
const { isMainThread } = require('node:worker_threads')

const isTestFile = isMainThread && /\.test\.ts$/.test(process.argv[1] ?? '')

if (isTestFile) appendFileSync(process.env.WITNESS, `${process.version}\n`)
