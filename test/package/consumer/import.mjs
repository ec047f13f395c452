import assert from 'node:assert/strict'
import plugin, { fastifyWebsocketH2 } from 'fastify-websocket-h2'
import { checkEcho } from './echo.cjs'

assert.equal(typeof plugin, 'function')
assert.equal(fastifyWebsocketH2, plugin)
await checkEcho(plugin)
