'use strict'

const [entry, options] = process.argv.slice(2)
const serve = require('./serve.cjs')

serve(require('fastify'), require(entry).default, JSON.parse(options))
