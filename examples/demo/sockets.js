import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { OpenSockets } from './open-sockets.js'

const FLOOD = Buffer.alloc(64 * 1024)
/** Messages of a flood that wait to be sent, at most. */
const FLOOD_IN_FLIGHT = 4

/**
 * Creates a server with the sockets of the demo, the same over HTTP/2 and over HTTP/1.1. Its decorator `demo` has
 * `readFigures()`, which counts for the page, and `resumeStalled()`. Only one of the servers needs to warn about the
 * version of Node.
 */
export async function createServer ({ nodeVersionWarning = false, ...options }) {
  const app = Fastify({ ...options, logger: { level: 'warn' } })
  const echoSockets = new OpenSockets()
  const stalled = new Set()
  const counts = { tlsHandshakes: 0, openedSockets: 0, messages: 0, stalledBytes: 0, floodBytes: 0 }
  app.server.on('secureConnection', () => { counts.tlsHandshakes++ })

  await app.register(fastifyWebsocketH2, {
    nodeVersionWarning,
    // The page may come from the port of the other server.
    origin: (origin, request) => new URL(origin).hostname === request.hostname,
    // Limits how long an unresponsive browser can delay the shutdown after Ctrl-C.
    options: { closeTimeout: 3000 }
  })

  // The first message has the HTTP version, which browsers do not expose to pages.
  app.get('/echo', { websocket: true }, (socket, request) => {
    echoSockets.add(socket, request)
    counts.openedSockets++
    socket.on('message', (data, isBinary) => {
      counts.messages++
      socket.send(data, { binary: isBinary })
    })
    socket.send(JSON.stringify({ httpVersion: socket.httpVersion }))
  })

  // Reads nothing until resumeStalled().
  app.get('/stalled', { websocket: true }, (socket) => {
    socket.pause()
    stalled.add(socket)
    socket.on('message', (data) => { counts.stalledBytes += data.length })
    socket.on('close', () => stalled.delete(socket))
  })

  // Sends as fast as the client reads.
  app.get('/flood', { websocket: true }, (socket) => {
    const send = (error) => {
      if (error) return
      counts.floodBytes += FLOOD.length
      socket.send(FLOOD, send)
    }
    for (let index = 0; index < FLOOD_IN_FLIGHT; index++) send()
  })

  app.decorate('demo', {
    /** `page` limits the open sockets to those of one page. */
    readFigures: (page) => ({
      ...counts,
      ...echoSockets.count(page),
      unreadBytes: app.websocketServer.stats().sessions.unreadBytes
    }),
    resumeStalled () {
      for (const socket of stalled) socket.resume()
    }
  })
  return app
}
