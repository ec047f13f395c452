import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { readSymbol } from './read-symbol.ts'

/**
 * The servers besides `fastify.server` that listen for the same instance.
 *
 * `listen({ host: 'localhost' })` makes one for each further address, and forwards 'upgrade' from them but neither
 * HTTP/2 settings nor 'connect': an Extended CONNECT to ::1 would be refused where one to 127.0.0.1 is served.
 */
export function readSecondaryServers (fastify: FastifyInstance): Server[] {
  return (readSymbol(fastify, 'fastify.serverBindings') as Server[] | undefined) ?? []
}
