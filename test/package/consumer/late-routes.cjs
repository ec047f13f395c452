'use strict'

const assert = require('node:assert/strict')
const fastify = require('fastify')

const warnings = []
const older = fastify({ logger: { level: 'warn', stream: { write (line) { warnings.push(JSON.parse(line).msg) } } } })
older.register(require('fastify-websocket-h2'))
older.get('/', { websocket: true }, () => {})

const younger = fastify()
younger.register(require('fastify-websocket-h2'))
younger.get('/late', { websocket: true }, () => {})

async function check () {
  await older.ready()
  assert.match(warnings.join('\n'), /^no websocket route was added after fastify-websocket-h2[^\n]+$/)
  await assert.rejects(younger.ready(), { code: 'FST_WS_REGISTERED_TOO_LATE', message: /"\/late"/ })
}

check()
