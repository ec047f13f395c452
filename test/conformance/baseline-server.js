/** A server without Fastify and the plugin. The results of h2spec with the plugin are compared with its results. */
import { createSecureServer, createServer } from 'node:http2'
import { createCertificate } from '../helpers/certificate.js'

const { tls = false } = JSON.parse(process.argv[2] ?? '{}')

const server = tls ? createSecureServer(await createCertificate()) : createServer()
server.on('request', (_request, response) => response.end('plain'))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.resume().once('end', () => process.exit())
