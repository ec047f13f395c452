/** Ordinary requests: what the plugin costs those who open no socket. autocannon as it is, which is over HTTP/1.1. */
import autocannon from 'autocannon'
import { createClients } from '../clients/index.js'
import { openMany } from './open-many.js'

const CONNECTIONS = 10
const WITHOUT = { label: 'without the plugin', subject: 'fastify' }
const WITH = { label: 'with the plugin', subject: 'plugin' }

export const gets = [
  get('plugin', 'GET, without and with the plugin', {
    without: WITHOUT,
    with: WITH
  }),
  get('idle-sockets', 'GET, alone and beside 1,000 idle sockets', {
    alone: WITH,
    'beside-h1': { ...WITH, label: 'beside 1,000 idle sockets, HTTP/1.1', idle: 'h1' },
    'beside-h2': { ...WITH, label: 'beside 1,000 idle sockets, HTTP/2', idle: 'h2' }
  }, ['beside-h2', 'alone'])
]

function get (name, title, sides, of = Object.keys(sides).reverse()) {
  return { name: `get/${name}`, title, tool: 'autocannon', isSecure: false, sides, of, open: openGet }
}

/** Each side has a server of its own: idle sockets are not to be the other side's. */
async function openGet (side, { lab, isSecure, pace }) {
  const server = await lab.startServer(side, isSecure)
  const clients = side.idle === undefined ? [] : createClients(1, side.idle, server, isSecure)
  for (const client of clients) await openMany(client, 1000)
  const failed = Promise.race([...clients.map((client) => client.failed), new Promise(() => {})])

  async function run () {
    const before = await server.cpu()
    const { requests, errors, non2xx, duration } = await autocannon({
      url: `http://127.0.0.1:${server.ports.h1}/`,
      connections: CONNECTIONS,
      duration: pace.slice / 1000,
      sampleInt: pace.slice / 10
    })
    if (requests.total === 0 || errors > 0 || non2xx > 0) throw new Error(`${requests.total} answers, ${errors} errors`)
    return { requests: requests.total / duration, cpu: (await server.cpu() - before) / requests.total }
  }

  return {
    measure: () => Promise.race([run(), failed]),
    close () {
      for (const client of clients) client.close()
      server.stop()
    }
  }
}
