import { echoes } from './echo.js'
import { fanOuts } from './fan-out.js'
import { flows } from './flow.js'
import { gets } from './get.js'
import { handshakes } from './handshake.js'
import { idles } from './idle.js'

/**
 * What is measured. Its sides take turns; `open` makes one ready, and returns what measures a round of it and what
 * closes it. `of` names the sides that the ratio is of.
 */
export const scenarios = [...gets, ...echoes, ...handshakes, ...idles, ...fanOuts, ...flows].map((scenario) => (
  { isSecure: true, of: ['h2', 'h1'], ...scenario }
))
