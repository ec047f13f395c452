/** An app as fastify-cli generates it: it passes its options to @fastify/autoload, which passes them to every plugin. */
import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'

/** Options of Fastify, which fastify-cli passes to the app as well if it is called with --options. */
export const options = { http2: true, trustProxy: true, routerOptions: { caseSensitive: false } }

export default async function (fastify, options) {
  await fastify.register(autoload, {
    dir: fileURLToPath(new URL('plugins', import.meta.url)), forceESM: true, options: { ...options }
  })
  fastify.get('/echo', { websocket: true }, (socket, request) => {
    socket.send(`${request.raw.httpVersion} ${request.ip}`)
  })
}
