/** Sends each line of its input to the server, once, and prints the reports of the services that it watches. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { connect } from 'fastify-websocket-h2/client'
import { readKeys } from '../../shared/keys.js'
import { readPort } from '../../shared/listen.js'

const MAX_QUEUE = 1000

const [name = 'service', ...watched] = process.argv.slice(2)
const { cert } = await readKeys()
const socket = connect(`wss://localhost:${readPort()}/reports/${name}`, { ca: cert, reconnect: true })
/** Reports that the server has not acknowledged, the oldest first. */
const queue = []
/** Number of the last report that the server has acknowledged. The first welcome has that of an earlier process. */
let acknowledged
let isWelcome = false

const HANDLERS = {
  acknowledged ({ last }) {
    queue.splice(0, last - (acknowledged ?? last))
    acknowledged = last
  },
  /** The first message of each connection. The server knows nothing of what was subscribed on the last one. */
  welcome (message) {
    HANDLERS.acknowledged(message)
    isWelcome = true
    for (const watch of watched) socket.send(JSON.stringify({ watch }))
    queue.forEach(send)
  },
  report: ({ name, text }) => console.log(`${name}: ${text}`)
}

socket.on('message', (data) => {
  const message = JSON.parse(String(data))
  HANDLERS[message.type](message)
})
socket.on('reconnecting', ({ attempt, delay, code, reason, error }) => {
  isWelcome = false
  console.error(`reconnecting in ${delay} ms, attempt ${attempt}: ${error?.message ?? `closed with ${code} ${reason}`}`)
})
socket.on('error', (error) => console.error(error.message))
// Not after a restart: the server has refused this service, or what it has sent.
socket.on('close', (code) => process.exit(code === 1000 ? 0 : 1))

const lines = createInterface({ input: process.stdin })
process.once('SIGTERM', () => lines.close())
for await (const line of lines) {
  // The input has to wait: a pipe holds back the program that writes to it.
  while (queue.length >= MAX_QUEUE) await once(socket, 'message')
  queue.push(line)
  if (isWelcome) send(line, queue.length - 1)
}
while (queue.length > 0) await once(socket, 'message')
socket.close(1000)

function send (text, index) {
  socket.send(JSON.stringify({ number: acknowledged + index + 1, text }))
}
