import { H1Client } from './h1-client.js'
import { H2Client } from './h2-client.js'
import { NodeH1Client, NodeH2Client } from './node-client.js'

const CLIENTS = { h1: H1Client, h2: H2Client, 'node-h1': NodeH1Client, 'node-h2': NodeH2Client }

export function createClient (transport, port, isSecure) {
  return new CLIENTS[transport](port, isSecure)
}

export function createClients (count, transport, { ports }, isSecure) {
  return Array.from({ length: count }, () => createClient(transport, ports[transport], isSecure))
}
