/** All scenarios of the benchmark. */
import { echoes } from './echo.js'
import { fanOuts } from './fan-out.js'
import { gateways } from './gateway.js'
import { gets } from './get.js'
import { handshakes } from './handshake.js'
import { idles } from './idle.js'
import { links } from './link.js'
import { memories } from './memory.js'
import { pages } from './page.js'
import { proxies } from './proxy.js'
import { references } from './references.js'
import { transfers } from './transfer.js'

/**
 * A scenario has `variants`, which are measured in turns, and `compare`, which names the two variants whose ratio is
 * reported. `open` prepares one variant, and returns `measure`, which measures one round, and `close`. `rounds`
 * replaces the default number of rounds, `warmsUp` is false if there is nothing to warm up, and `isLong` excludes a scenario
 * from quick runs of all scenarios. `isAvailable` excludes one from runs of all if a program that it needs is missing.
 */
export const scenarios = [
  ...pages, ...gets, ...echoes, ...handshakes, ...idles, ...memories, ...proxies, ...fanOuts, ...transfers, ...links,
  ...gateways, ...references
].map((scenario) => ({ isSecure: true, compare: ['h2', 'h1'], ...scenario }))
