import type { ReconnectOptions } from '../../types/index.ts'
import { FST_WS_INVALID_OPTION } from '../errors.ts'
import { complete } from './table.ts'
import type { Check, Complete, Table } from './table.ts'
import { BOOLEAN_OR_OBJECT, POSITIVE_COUNT_OR_INFINITY, POSITIVE_MILLISECONDS, isObject, validateStrict } from './validate.ts'

/** The options of `reconnect`, validated and complete. */
export type ReconnectSettings = Complete<ReconnectOptions, typeof RECONNECT_OPTIONS>

/** Check for the option `reconnect`. */
export const RECONNECT: Check = BOOLEAN_OR_OBJECT

/** Options of `reconnect`. */
export const RECONNECT_OPTIONS = {
  // A service outlives any outage of the server that it depends on. 'reconnecting' reports each failure.
  retries: { ...POSITIVE_COUNT_OR_INFINITY, default: Infinity },
  // A process that is restarted needs about that long. Clients that are all disconnected at once are spread by jitter.
  minDelay: { ...POSITIVE_MILLISECONDS, default: 1000 },
  // A server that is back after an outage is noticed within half a minute.
  maxDelay: { ...POSITIVE_MILLISECONDS, default: 30_000 },
  // Half of the delay is random: never sooner than half of it, and spread over the other half.
  jitter: {
    expected: 'a number from 0 to 1',
    isValid: (value) => typeof value === 'number' && value >= 0 && value <= 1,
    default: 0.5
  }
} satisfies Table<ReconnectOptions>

/**
 * Defaults of other options with `reconnect`. A network path that fails without a reset is noticed only by a ping that
 * is not answered, and during a handshake only by a time limit. The heartbeat is that of the server. The time limit is
 * that of Firefox.
 */
export const DEFAULTS_WITH_RECONNECT = { heartbeat: 30_000, handshakeTimeout: 20_000 }

/**
 * Validates and completes the options of `reconnect`. Returns undefined if they are omitted or false.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readReconnectOptions (
  reconnect: boolean | ReconnectOptions | null | undefined
): ReconnectSettings | undefined {
  if (reconnect == null || reconnect === false) return undefined
  const options = isObject(reconnect) ? reconnect : {}
  validateStrict(options, RECONNECT_OPTIONS, formatName)
  const settings = complete(options, RECONNECT_OPTIONS)
  const { minDelay, maxDelay } = settings
  if (options.maxDelay != null && maxDelay < minDelay) {
    throw new FST_WS_INVALID_OPTION(formatName('maxDelay'), `at least reconnect.minDelay, ${minDelay}`, String(maxDelay))
  }
  return { ...settings, maxDelay: Math.max(minDelay, maxDelay) }
}

function formatName (name: string): string {
  return `"reconnect.${name}"`
}
