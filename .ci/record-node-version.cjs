// Preloaded into every process of `npm run test:all`: appends the Node version of each test file to NODE_VERSIONS_FILE.
const { appendFileSync } = require('node:fs')
const { isMainThread } = require('node:worker_threads')

const isTestFile = isMainThread && /\.test\.ts$/.test(process.argv[1] ?? '')

if (isTestFile) appendFileSync(process.env.NODE_VERSIONS_FILE, `${process.version}\n`)
