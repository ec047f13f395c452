/* global document, fetch, location */
import { Sockets, closeSocket } from './sockets.js'

const ECHO_DURATION = 2000
const STALL_LIMIT = 4 * 1024 * 1024

const elements = Object.fromEntries([...document.querySelectorAll('[id]')].map((element) => [element.id, element]))
const names = ['http2', 'http1']
const transports = {}

elements['run-form'].addEventListener('submit', async (event) => {
  event.preventDefault()
  await run(Number(elements.count.value), Number(elements.distance.value))
})
elements.stall.addEventListener('click', stall)
elements.flood.addEventListener('click', flood)

async function getFigures () {
  return (await fetch('/figures')).json()
}

async function getMemory () {
  return (await fetch('/memory')).json()
}

async function run (count, rtt) {
  const { http1, http2 } = await getFigures()
  for (const name of names) await transports[name]?.close()
  transports.http2 = new Sockets(location.origin)
  transports.http1 = new Sockets(`https://${location.hostname}:${http1.port}`)
  await fetch('/distance', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ rtt }) })
  const results = {}
  for (const name of names) {
    const before = { ...(await getFigures())[name], memory: (await getMemory())[name] }
    const times = await transports[name].open(count)
    const after = { ...(await getFigures())[name], memory: (await getMemory())[name] }
    results[name] = {
      version: transports[name].httpVersion,
      carriers: after.carriers,
      connections: after.connections - before.connections,
      handshakes: after.tlsHandshakes - before.tlsHandshakes,
      first: times[0],
      last: times.at(-1),
      bytes: (after.sent + after.received - before.sent - before.received) / count,
      memory: (after.memory - before.memory) / count
    }
  }
  for (const name of names) {
    const before = (await getFigures())[name]
    const { samples, duration } = await transports[name].echo(ECHO_DURATION)
    const after = (await getFigures())[name]
    samples.sort((a, b) => a - b)
    Object.assign(results[name], {
      p50: samples[Math.floor(samples.length * 0.5)],
      p99: samples[Math.floor(samples.length * 0.99)],
      messages: samples.length,
      rate: samples.length / duration * 1000,
      serverMessages: after.messages - before.messages,
      echoBytes: (after.sent + after.received - before.sent - before.received) / samples.length
    })
  }
  elements.notes.textContent = JSON.stringify({ results, http2 }, null, 2)
  elements.stall.disabled = elements.flood.disabled = false
  elements.state.textContent = 'Done'
}

async function stall () {
  const results = {}
  for (const name of names) {
    const before = (await getFigures())[name]
    const socket = await transports[name].openOne('/stalled')
    for (let sent = 0; sent < STALL_LIMIT; sent += 16384) socket.send(new ArrayBuffer(16384))
    const { samples } = await transports[name].echo(ECHO_DURATION)
    const after = (await getFigures())[name]
    samples.sort((a, b) => a - b)
    results[name] = { waiting: socket.bufferedAmount, sent: after.sent - before.sent, unread: after.unreadBytes, echoes: samples.length, p50: samples[samples.length >> 1] }
    await fetch('/stalled/resume', { method: 'POST' })
    closeSocket(socket)
  }
  elements.notes.textContent = JSON.stringify({ stall: results }, null, 2)
}

async function flood () {
  const results = {}
  for (const name of names) {
    const socket = await transports[name].openOne('/flood')
    let bytes = 0
    socket.onmessage = ({ data }) => { bytes += data.byteLength }
    const { samples, duration } = await transports[name].echo(ECHO_DURATION)
    samples.sort((a, b) => a - b)
    results[name] = { rate: bytes / duration / 1000, echoes: samples.length, p50: samples[samples.length >> 1], p99: samples[Math.floor(samples.length * 0.99)] }
    await closeSocket(socket)
  }
  elements.notes.textContent = JSON.stringify({ flood: results }, null, 2)
}
