import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'

const FLOOD = Buffer.alloc(64 * 1024)
/** Messages of a flood that wait to be sent, at most. */
const FLOOD_IN_FLIGHT = 4

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

/**
 * Creates a server with the sockets of the demo, the same over HTTP/2 and over HTTP/1.1. `readFigures()` of its decorator
 * `demo` returns the figures that the page shows.
 */
export async function createServer (options) {
  const app = Fastify({ ...options, logger: { level: 'warn' } })
  const carriers = new Carriers()
  const stalled = new Set()
  let tlsHandshakes = 0
  let stalledBytes = 0
  app.server.on('secureConnection', () => { tlsHandshakes++ })

  await app.register(fastifyWebsocketH2, {
    // One of the two servers may warn.
    nodeVersionWarning: options.http2 === true,
    // The page may come from the port of the other server.
    origin: (origin, request) => new URL(origin).hostname === request.hostname,
    // Limits how long an unresponsive browser can delay the shutdown after Ctrl-C.
    options: { closeTimeout: 3000 }
  })

  app.get('/echo', { websocket: true }, (socket, request) => {
    carriers.add(socket, request)
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.send(JSON.stringify({ httpVersion: socket.httpVersion }))
  })

  // Reads nothing until POST /stalled/resume.
  app.get('/stalled', { websocket: true }, (socket) => {
    socket.pause()
    stalled.add(socket)
    socket.on('message', (data) => { stalledBytes += data.length })
    socket.on('close', () => stalled.delete(socket))
  })

  // Sends as fast as the client reads.
  app.get('/flood', { websocket: true }, (socket) => {
    const send = (error) => { if (!error) socket.send(FLOOD, send) }
    for (let index = 0; index < FLOOD_IN_FLIGHT; index++) send()
  })

  app.decorate('demo', {
    readFigures () {
      const { sockets, messages, sessions } = app.websocketServer.stats()
      return {
        tlsHandshakes,
        carriers: carriers.count,
        openSockets: sockets.open,
        openedSockets: sockets.opened,
        messages: messages.received,
        unreadBytes: sessions.unreadBytes,
        stalledBytes
      }
    },

    /** Returns the memory of this process, in bytes, after garbage collection and without unused parts of the heap. */
    readMemory () {
      collectGarbage()
      const { rss, heapTotal, heapUsed } = process.memoryUsage()
      return rss - heapTotal + heapUsed
    },

    resumeStalled () {
      for (const socket of stalled) socket.resume()
    }
  })
  return app
}

/** The connections that carry open sockets of /echo. */
class Carriers {
  #counts = new Map()

  get count () {
    return this.#counts.size
  }

  add (socket, { raw }) {
    const carrier = raw.stream?.session ?? raw.socket
    this.#counts.set(carrier, (this.#counts.get(carrier) ?? 0) + 1)
    socket.on('close', () => this.#remove(carrier))
  }

  #remove (carrier) {
    const count = this.#counts.get(carrier) - 1
    if (count > 0) this.#counts.set(carrier, count)
    else this.#counts.delete(carrier)
  }
}
