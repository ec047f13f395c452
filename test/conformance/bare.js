/** A server of Node's http2 and nothing else, which h2spec's verdicts on the plugin are held against. */
import { createSecureServer, createServer } from 'node:http2'
import { generate } from 'selfsigned'

const { tls = false } = JSON.parse(process.argv[2] ?? '{}')

const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
const server = tls ? createSecureServer({ key, cert }) : createServer()
server.on('request', (_request, response) => response.end('plain'))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.resume().once('end', () => process.exit())
