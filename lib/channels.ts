import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'

const PREFIX = 'fastify-websocket-h2'

/** Channels of Node's `diagnostics_channel`. The types of their messages are in types/channels.ts. */
export const channels = {
  handshakeRefused: channel(`${PREFIX}:handshake:refused`),
  socketOpen: channel(`${PREFIX}:socket:open`),
  socketClose: channel(`${PREFIX}:socket:close`),
  slowConsumer: channel(`${PREFIX}:socket:slow_consumer`),
  unresponsive: channel(`${PREFIX}:socket:unresponsive`),
  backpressure: channel(`${PREFIX}:socket:backpressure`),
  sessionOpen: channel(`${PREFIX}:session:open`),
  sessionClose: channel(`${PREFIX}:session:close`),
  receiveWindow: channel(`${PREFIX}:session:receive_window`),
  relayError: channel(`${PREFIX}:relay:error`),
  shutdownStart: channel(`${PREFIX}:shutdown:start`),
  shutdownEnd: channel(`${PREFIX}:shutdown:end`)
} satisfies Record<string, Channel>

/** Tracing channel of handshakes. */
export const handshakeChannel = tracingChannel(`${PREFIX}.handshake`)
