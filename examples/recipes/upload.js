import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { startIfMain } from '../shared/main.js'

const PARAMS = {
  type: 'object', properties: { name: { type: 'string', pattern: '^[a-z0-9-]{1,50}(\\.[a-z0-9]{1,10})?$' } }
}

export async function build (options, { directory = '.cache/uploads', limit = 2 ** 30 } = {}) {
  await mkdir(directory, { recursive: true })
  const app = fastify(options)
  // A message is in memory as a whole. A larger one is answered with Close 1009.
  await app.register(websocket, { options: { maxPayload: 1024 * 1024 } })

  // The client sends the file as binary messages of any size, and then the text "end".
  app.get('/files/:name', { websocket: true, schema: { params: PARAMS } }, async (socket, request) => {
    const partial = join(directory, `${randomUUID()}.partial`)
    const file = await open(partial, 'wx')
    try {
      const size = await receive(socket, file, limit)
      if (size === undefined) return
      await file.sync()
      await rename(partial, join(directory, request.params.name))
      socket.send(JSON.stringify({ size }))
      socket.close(1000)
    } finally {
      await file.close()
      await rm(partial, { force: true })
    }
  })
  return app
}

/** Writes messages to a file until the text "end". Returns the size of the file, or undefined if the upload failed. */
async function receive (socket, file, limit) {
  let size = 0
  for await (const message of socket) {
    if (message === 'end') return size
    if (typeof message === 'string') return socket.close(1003, 'binary messages, then the text "end"')
    size += message.length
    if (size > limit) return socket.close(1009, `a file has at most ${limit} bytes`)
    // The loop takes no other message meanwhile.
    await file.appendFile(message)
  }
  return undefined
}

await startIfMain(import.meta.url, build)
