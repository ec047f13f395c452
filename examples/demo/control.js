const CHAT = 'chat'

/**
 * Serves the figures of both servers, the distance, and the chat. `servers` has a function for each server, which calls a
 * function of its `demo`. `front` has the process that delays the traffic of both, and their ports.
 */
export async function control (app, { servers, front }) {
  let rtt = 0

  const fromBoth = async (name) => {
    const [http2, http1] = await Promise.all([servers.http2(name), servers.http1(name)])
    return { http2, http1 }
  }

  app.get('/figures', async () => {
    const [{ http2, http1 }, counts] = await Promise.all([fromBoth('readFigures'), front.process.request('count')])
    return {
      rtt,
      http2: { port: front.ports[0], ...http2, ...counts[0] },
      http1: { port: front.ports[1], ...http1, ...counts[1] }
    }
  })

  app.get('/memory', () => fromBoth('readMemory'))

  app.post('/stalled/resume', async () => {
    await fromBoth('resumeStalled')
    return {}
  })

  const distance = { type: 'object', required: ['rtt'], properties: { rtt: { type: 'integer', minimum: 0, maximum: 1000 } } }
  app.put('/distance', { schema: { body: distance } }, async ({ body }) => {
    rtt = body.rtt
    await front.process.request('delay', rtt)
    return { rtt }
  })

  app.get('/chat', { websocket: true }, (socket) => {
    socket.subscribe(CHAT)
    socket.on('message', (data) => app.websocketServer.publish(CHAT, String(data).slice(0, 500)))
  })
}
