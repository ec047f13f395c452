import assert from 'node:assert/strict'
import plugin, { fastifyWebsocket, fastifyWebsocketH2 } from 'fastify-websocket-h2'
import { connect } from 'fastify-websocket-h2/client'
import { serveExtendedConnect } from 'fastify-websocket-h2/gateway'
import { checkEcho } from './echo.cjs'

assert.equal(typeof plugin, 'function')
assert.equal(fastifyWebsocketH2, plugin)
assert.equal(fastifyWebsocket, plugin)
assert.equal(typeof serveExtendedConnect, 'function')
await checkEcho(plugin, connect)
