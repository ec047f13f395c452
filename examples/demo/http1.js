/** The server of the demo that has HTTP/1.1 only, in a child process of server.js. */
import { createServer } from './sockets.js'

let app

const commands = {
  async listen (https) {
    app = await createServer({ https })
    await app.listen({ host: '127.0.0.1', port: 0 })
    return app.server.address().port
  },
  readFigures: () => app.demo.readFigures(),
  readMemory: () => app.demo.readMemory(),
  resumeStalled: () => app.demo.resumeStalled(),
  close: () => app.close()
}

process.on('message', async ({ name, value }) => process.send(await commands[name](value) ?? null))
process.once('disconnect', () => process.exit())
// Ctrl-C reaches all processes of a terminal. The parent process ends this one.
process.on('SIGINT', () => {})
