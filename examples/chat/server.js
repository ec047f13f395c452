/**
 * Chat rooms, over HTTP/2 and HTTP/1.1. `npm run example:chat` builds the plugin and runs this. PORT=8444 listens on
 * another port.
 */
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { readKeys } from '../shared/keys.js'
import { listen } from '../shared/listen.js'
import { servePage } from '../shared/page.js'
import { chat } from './chat.js'

const { key, cert, secret } = await readKeys()

const app = Fastify({
  http2: true,
  https: { allowHTTP1: true, key, cert },
  logger: { level: 'warn' }
})

await app.register(fastifyWebsocketH2, {
  // A message has at most 500 characters. JSON may need six bytes for one of them.
  options: { maxPayload: 4096, closeTimeout: 3000 },
  maxSockets: 1000,
  // 1012 is the code for a restart. The page opens a new socket after it.
  shutdown: { code: 1012, reason: 'restart' }
})

await app.register(servePage, { directory: new URL('page/', import.meta.url) })
await app.register(chat, { secret })
await listen(app, 'npm run example:chat')
