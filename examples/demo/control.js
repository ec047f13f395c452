import { measureMemory } from './memory.js'

const CHAT = 'chat'
const MOST_CHARACTERS = 500
const BUSY = 4409

const measurementSchema = {
  querystring: {
    type: 'object',
    required: ['page', 'rtt'],
    properties: { page: { type: 'string' }, rtt: { type: 'integer', minimum: 0, maximum: 1000 } }
  }
}

/**
 * Serves the figures of both servers, the distance, and the chat. `servers` has a function for each server, which
 * calls a function of its `demo`. `front` has the process that delays the traffic of both, and their ports. `keys` are
 * those of the servers.
 */
export async function control (app, { servers, front, keys }) {
  const memory = { http2: undefined, http1: undefined }
  let memoryMeasurement
  let measuring
  let rtt = 0

  const fromBoth = async (name, value) => {
    const [http2, http1] = await Promise.all([servers.http2(name, value), servers.http1(name, value)])
    return { http2, http1 }
  }

  app.get('/figures', async ({ query }) => {
    const [{ http2, http1 }, counts] = await Promise.all([
      fromBoth('readFigures', query.page), front.process.request('count')
    ])
    return {
      rtt,
      http2: { port: front.ports[0], ...http2, ...counts[0], ...memory.http2 },
      http1: { port: front.ports[1], ...http1, ...counts[1], ...memory.http1 }
    }
  })

  async function measureBoth () {
    memory.http2 = await measureMemory({ http2: true, https: { ...keys, allowHTTP1: true } })
    memory.http1 = await measureMemory({ https: keys })
  }

  // Measures once. The result is in /figures from then on.
  app.post('/memory', async () => {
    memoryMeasurement ??= measureBoth()
    await memoryMeasurement
    return {}
  })

  app.post('/stalled/resume', async () => {
    await fromBoth('resumeStalled')
    return {}
  })

  // Pages that measure at the same time would measure each other, so a page has this socket open while it does. The page
  // may measure again before the socket of its last measurement has closed.
  app.get('/measurement', { websocket: true, schema: measurementSchema }, async (socket, { query }) => {
    const { page } = query
    if (measuring !== undefined && measuring.page !== page) return socket.close(BUSY, 'Another page is measuring')
    const measurement = measuring = { page }
    socket.on('close', () => { if (measuring === measurement) measuring = undefined })
    rtt = query.rtt
    await front.process.request('delay', rtt)
    socket.send(JSON.stringify({ rtt }))
  })

  app.get('/chat', { websocket: true }, (socket) => {
    socket.send(JSON.stringify({ httpVersion: socket.httpVersion }))
    socket.subscribe(CHAT)
    socket.on('message', (data) => {
      const text = String(data).slice(0, MOST_CHARACTERS)
      app.websocketServer.publish(CHAT, JSON.stringify({ text }))
    })
  })
}
