/** A server of the demo in a process of its own. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { answerParent } from './child.js'
import { createServer } from './sockets.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

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
  /** Returns the resident memory (RSS) of this process, in bytes, after garbage collection. */
  readMemory () {
    collectGarbage()
    return process.memoryUsage().rss
  },
  close: () => app.close()
})
