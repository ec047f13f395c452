/** A server that appends each report of a service to a file, once, and passes it on to the services that watch it. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { parse } from '../../chat/input.js'
import { startIfMain } from '../../shared/main.js'

const FILE = new URL('../../../.cache/examples/reports.jsonl', import.meta.url)
const MAX_WATCHED = 100
const NAME = { type: 'string', pattern: '^[a-z0-9-]{1,24}$' }
const PARAMS = { type: 'object', properties: { name: NAME } }
const INPUT = {
  type: 'object',
  oneOf: [
    { required: ['number', 'text'], properties: { number: { type: 'integer' }, text: { type: 'string' } } },
    { required: ['watch'], properties: { watch: NAME } }
  ]
}

export async function build (options, { file = process.env.REPORTS ?? FILE } = {}) {
  const app = fastify(options)
  /** Number of the last report in the file, by the name of the service. */
  const last = new Map()
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  // The last line is empty, or is cut off if the disk was full.
  for (const { name, number } of lines.map(parse).filter(Boolean)) last.set(name, number)
  await app.register(websocket, { options: { maxPayload: 65_536 }, shutdown: { code: 1012 } })

  app.get('/reports/:name', { websocket: true, schema: { params: PARAMS } }, async (socket, request) => {
    const name = request.params.name
    acknowledge('welcome')
    for await (const data of socket) {
      const input = parse(data)
      if (!request.validateInput(input, INPUT)) return socket.close(1008, 'not a report')
      if (input.watch === undefined) report(input)
      else if (socket.topics.size < MAX_WATCHED) socket.subscribe(input.watch)
      else return socket.close(1008, 'too many services')
    }

    function report ({ number, text }) {
      // The service sends a report again if the connection was lost before it was acknowledged.
      if (number === (last.get(name) ?? 0) + 1) {
        // Synchronous, as the transaction of a database would be: the service may have two sockets for a moment.
        appendFileSync(file, JSON.stringify({ name, number, text }) + '\n')
        last.set(name, number)
        app.websocketServer.publish(name, { type: 'report', name, text })
      }
      acknowledge('acknowledged')
    }

    function acknowledge (type) {
      socket.send(JSON.stringify({ type, last: last.get(name) ?? 0 }))
    }
  })
  return app
}

await startIfMain(import.meta.url, build)
