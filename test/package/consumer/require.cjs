'use strict'

const assert = require('node:assert/strict')
const plugin = require('fastify-websocket-h2')
const { fastifyWebsocket, fastifyWebsocketH2, default: byDefault } = require('fastify-websocket-h2')
const { connect } = require('fastify-websocket-h2/client')
const { serveExtendedConnect } = require('fastify-websocket-h2/gateway')
const { checkEcho } = require('./echo.cjs')

assert.equal(typeof plugin, 'function')
assert.equal(fastifyWebsocketH2, plugin)
assert.equal(fastifyWebsocket, plugin)
assert.equal(byDefault, plugin)
assert.equal(typeof serveExtendedConnect, 'function')
checkEcho(plugin, connect)
