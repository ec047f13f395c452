/**
 * A client that runs on Node, Deno or Bun. The first argument is `ws`, `undici` (installed in the folder of the second
 * argument) or `built-in`. Reads commands from stdin and writes responses to stdout, one line of JSON each.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { Sockets } from './sockets.js'

const [kind, folder] = process.argv.slice(2)
const { node, deno, bun } = process.versions

const CLIENTS = {
  ws () {
    const require = createRequire(import.meta.url)
    const WebSocket = require('ws')
    return {
      version: require('ws/package.json').version,
      create: (url, protocols, headers) => new WebSocket(url, protocols, { headers })
    }
  },
  undici () {
    const require = createRequire(join(folder, 'package.json'))
    const { Agent, WebSocket } = require('undici')
    const dispatcher = new Agent({ allowH2: true })
    return {
      version: require('undici/package.json').version,
      create: (url, protocols, headers) => new WebSocket(url, { protocols, headers, dispatcher })
    }
  },
  'built-in' () {
    return {
      version: deno ?? bun ?? `v${node}`,
      create: (url, protocols, headers) => new WebSocket(url, { protocols, headers })
    }
  }
}

const { version, create } = CLIENTS[kind]()
const sockets = new Sockets(create)
print({ version })
for await (const line of createInterface(process.stdin)) respond(JSON.parse(line))
process.exit()

async function respond ({ id, ...command }) {
  try {
    print({ id, value: await sockets.run(command) })
  } catch ({ message }) {
    print({ id, error: message })
  }
}

function print (message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
