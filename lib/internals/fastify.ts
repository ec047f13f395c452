import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { readSymbol } from './read-symbol.ts'

/**
 * Returns the servers that listen for an instance in addition to `fastify.server`.
 *
 * `listen({ host: 'localhost' })` creates one for each further address. Fastify forwards their 'upgrade' events, but
 * not 'connect', and does not apply HTTP/2 settings to them: an Extended CONNECT would be served on 127.0.0.1 and
 * refused on ::1.
 */
export function readSecondaryServers (fastify: FastifyInstance): Server[] {
  return (readSymbol(fastify, 'fastify.serverBindings') as Server[] | undefined) ?? []
}
