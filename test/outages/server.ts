/**
 * A server process that tests kill. It serves /echo on the port of its first argument, with the options of Fastify in
 * its second argument, and sends a message to its parent when it listens.
 */
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import websocket from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'

const [port, options = '{}'] = process.argv.slice(2)
const app: FastifyInstance = fastify(JSON.parse(options) as object)
await app.register(websocket)
addEcho(app)
await app.listen({ port: Number(port), host: '127.0.0.1' })
process.send!('listening')
