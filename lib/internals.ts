/**
 * Everything that we lean on and nobody documents. Each entry says why there is no documented way;
 * test/internals.test.ts breaks loudly when one of them changes.
 */
import type { Http2Server, ServerHttp2Stream, Settings } from 'node:http2'
import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Makes a stream forget that it owes its peer an END_STREAM, so that `stream.close(code)` is one RST_STREAM.
 *
 * Node ends the writable side first in `close(code)`: END_STREAM goes out, and an abort looks orderly to the peer.
 * `destroy(error)` would send RST_STREAM, but only with INTERNAL_ERROR. The END_STREAM comes from `_final`, which
 * Writable calls only if it is a function.
 */
export function forgetEndStream (stream: ServerHttp2Stream): void {
  (stream as unknown as { _final: null })._final = null
}

/**
 * The settings that the user gave for the server's HTTP/2 sessions.
 *
 * `server.updateSettings()` writes them, and nothing reads them: without this, a `maxConcurrentStreams` in the
 * `https.settings` of Fastify's options would be overwritten by our default.
 */
export function readServerSettings (server: Http2Server): Settings {
  const options = readSymbol(server, 'options') as { settings?: Settings } | undefined
  return options?.settings ?? {}
}

/**
 * The servers besides `fastify.server` that listen for the same instance.
 *
 * `listen({ host: 'localhost' })` makes one for each further address, and forwards 'upgrade' from them but neither
 * HTTP/2 settings nor 'connect': an Extended CONNECT to ::1 would be refused where one to 127.0.0.1 is served.
 */
export function readSecondaryServers (fastify: FastifyInstance): Server[] {
  return (readSymbol(fastify, 'fastify.serverBindings') as Server[] | undefined) ?? []
}

function readSymbol (target: object, description: string): unknown {
  for (let object: object | null = target; object !== null; object = Object.getPrototypeOf(object)) {
    const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === description)
    if (symbol !== undefined) return Reflect.get(target, symbol)
  }
  return undefined
}
