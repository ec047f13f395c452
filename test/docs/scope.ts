import type assert from 'node:assert/strict'
import type { once } from 'node:events'
import type http2 from 'node:http2'
import type fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type websocket from '../../index.ts'
import type { connect } from './subjects.ts'

/** The names that a fragment may use: a block of code without imports. */
export interface Scope {
  /** Serves HTTP/1.1 and HTTP/2, with the plugin, unless the fragment registers that itself. */
  app: FastifyInstance
  assert: typeof assert
  /** The certificate that a client has to trust. */
  ca: string
  cert: string
  connect: typeof connect
  console: Pick<Console, 'log' | 'warn' | 'error'>
  fastify: typeof fastify
  fastifyWebsocketH2: typeof websocket
  http2: typeof http2
  key: string
  once: typeof once
  t: Test
  websocket: typeof websocket
}

export type Fragment = (scope: Scope) => Promise<void>
