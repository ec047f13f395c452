/** The gateway: a ws server without Fastify over HTTP/2, compared with the same ws server over HTTP/1.1. */
import { LOAD_GENERATOR, echo } from './echo.js'
import { handshakes } from './handshake.js'
import { idles } from './idle.js'
import { OTHER_SERVERS, TRANSPORTS } from './variants.js'

const VARIANTS = {
  h1: { ...OTHER_SERVERS.ws, label: 'ws, HTTP/1.1' },
  h2: { label: 'ws through the gateway, HTTP/2', server: 'gateway', transport: 'h2' },
  plugin: { ...TRANSPORTS.h2, label: 'route of the plugin, HTTP/2' }
}

const GROUP = { ...LOAD_GENERATOR, group: 'gateway' }

const ECHOES = [
  echo(GROUP, '64b', '64-on-one', 1), echo(GROUP, '64b', '64-on-one', 16),
  echo(GROUP, '64k', '64-on-one', 1), echo(GROUP, '64k', '64-on-one', 4)
]

export const gateways = [
  ...ECHOES.map((scenario) => ({ ...scenario, rounds: 7, variants: { ...VARIANTS, raw: OTHER_SERVERS.raw } })),
  rename(handshakes, 'handshake/sequential', 'gateway/handshake'),
  rename(idles, 'idle/1000', 'gateway/idle-1000')
]

/** Returns a scenario under another name, with the variants of the gateway. */
function rename (scenarios, from, name) {
  return { ...scenarios.find((scenario) => scenario.name === from), name, variants: VARIANTS }
}
