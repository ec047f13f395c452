/** A server of the demo in a process of its own. */
import { answerParent } from './child.js'
import { readMemory } from './memory.js'
import { createServer } from './sockets.js'

const ACCEPTED = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Certificate accepted</title>' +
  '<meta name="color-scheme" content="light dark"><p>Accepted. You can close this tab.'

let app

answerParent({
  async listen (options) {
    app = await createServer(options)
    // A browser that asks about the certificate of each port asks when a user opens this page.
    app.get('/', (request, reply) => {
      reply.header('content-security-policy', "default-src 'none'").type('text/html; charset=utf-8').send(ACCEPTED)
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    return app.server.address().port
  },
  readFigures: (page) => app.demo.readFigures(page),
  resumeStalled: () => app.demo.resumeStalled(),
  readMemory: () => readMemory(),
  close: () => app.close()
})
