/** Ordinary requests: what the plugin costs those who open no socket. autocannon as it is, which is over HTTP/1.1. */
import autocannon from 'autocannon'
import { createClients } from '../clients/index.js'
import { openMany } from './open-many.js'

const CONNECTIONS = 10
const WITHOUT = { label: 'without the plugin', subject: 'fastify' }
const WITH = { label: 'with the plugin', subject: 'plugin' }

export const gets = [
  scenario('plugin', 'GET, without and with the plugin', {
    without: WITHOUT,
    with: WITH
  }),
  scenario('idle-sockets', 'GET, alone and beside 1,000 idle sockets', {
    alone: WITH,
    'beside-h1': { ...WITH, label: 'beside 1,000 idle sockets, HTTP/1.1', idle: 'h1' },
    'beside-h2': { ...WITH, label: 'beside 1,000 idle sockets, HTTP/2', idle: 'h2' }
  }, ['beside-h2', 'alone'])
]

function scenario (name, title, sides, of = Object.keys(sides).reverse()) {
  return { name: `get/${name}`, title, tool: 'autocannon', isSecure: false, rounds: 11, sides, of, open: openGet }
}

/**
 * A process of its own each time: what the engine makes of the same code differs by a fifth from one process to the
 * next, which is more than there is to be seen here.
 */
async function openGet (side, context) {
  return { measure: () => measure(side, context), close () {} }
}

async function measure (side, { lab, isSecure, pace }) {
  const server = await lab.startServer(side, isSecure)
  const clients = side.idle === undefined ? [] : createClients(1, side.idle, server, isSecure)
  const failed = clients.map((client) => client.failed)

  async function run () {
    for (const client of clients) await openMany(client, 1000)
    // Long enough for most of it to be compiled.
    await get(server, 4 * pace.slice)
    const before = await server.cpu()
    const requests = await get(server, pace.slice)
    return { requests: requests / pace.slice * 1000, cpu: (await server.cpu() - before) / requests }
  }

  try {
    return await Promise.race([run(), ...failed])
  } finally {
    for (const client of clients) client.close()
    server.stop()
  }
}

/** How many requests are answered within so many ms. */
async function get (server, milliseconds) {
  const { requests, errors, non2xx } = await autocannon({
    url: `http://127.0.0.1:${server.ports.h1}/`,
    connections: CONNECTIONS,
    duration: milliseconds / 1000,
    sampleInt: milliseconds / 10
  })
  if (requests.total === 0 || errors > 0 || non2xx > 0) throw new Error(`${requests.total} answers, ${errors} errors`)
  return requests.total
}
