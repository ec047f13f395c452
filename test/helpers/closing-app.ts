/**
 * A program that opens a socket to itself in memory and over TCP, and closes its app. It must then exit by itself. It
 * reads the options of its Fastify server as JSON from its standard input.
 */
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import websocket from '../../index.ts'
import { connect } from '../../lib/client/index.ts'

const server: { http2?: boolean, https?: { allowHTTP1?: boolean } } = JSON.parse(await text(process.stdin))
const app: FastifyInstance = fastify(server as object)
await app.register(websocket)
app.get('/', { websocket: true }, () => {})
const origin = await app.listen({ port: 0, host: '127.0.0.1' })

await app.injectWS('/')
const http = server.http2 === true && server.https?.allowHTTP1 !== true ? '2' : '1.1'
const socket = connect(origin.replace('http', 'ws'), { http, rejectUnauthorized: false })
await new Promise((resolve) => socket.once('open', resolve))
await app.close()
