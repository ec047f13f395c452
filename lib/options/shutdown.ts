import type { PreCloseHook, ShutdownOptions, WebsocketPluginOptions } from '../../types/index.ts'
import { FST_WS_INVALID_OPTION } from '../errors.ts'
import { complete } from './table.ts'
import type { Complete, Table } from './table.ts'
import { POSITIVE_COUNT_OR_INFINITY, isBetween, validateStrict } from './validate.ts'

/** The shutdown of a server, validated and complete. */
export interface ShutdownSettings extends Complete<ShutdownOptions, typeof SHUTDOWN_OPTIONS> {
  /** Time, in ms, from the beginning of the shutdown until everything that is still open is destroyed. */
  timeout: number
  /** The user's own way to close the sockets. */
  preClose: PreCloseHook | undefined
}

/** Time, in ms, that must be left of Fastify's `pluginTimeout` when `shutdownTimeout` has passed. */
const MARGIN = 500

/** Close codes that no endpoint may send (RFC 6455 section 7.4.1). */
const RESERVED_CODES: unknown[] = [1004, 1005, 1006]

/** Options of `shutdown`. */
export const SHUTDOWN_OPTIONS = {
  code: {
    expected: 'a close code that may be sent: 1000 to 1003, 1007 to 1014, or 3000 to 4999',
    isValid: isCloseCode,
    // RFC 6455 section 7.4.1: an endpoint is "going away", such as a server going down.
    default: 1001
  },
  reason: {
    expected: 'a string of at most 123 bytes',
    isValid: (value) => typeof value === 'string' && Buffer.byteLength(value) <= 123,
    default: ''
  },
  batch: {
    ...POSITIVE_COUNT_OR_INFINITY,
    // A small server closes all of its sockets at once; a thousand clients reconnect in ten groups.
    default: 100
  }
} satisfies Table<ShutdownOptions>

/**
 * Validates and completes the options of the shutdown.
 *
 * @param defaultTimeout default of `shutdownTimeout`, in ms
 * @param pluginTimeout Fastify's, in ms, which limits its `preClose` hooks; 0 is no limit
 * @throws FST_WS_INVALID_OPTION
 */
export function readShutdownOptions (
  { preClose, shutdown, shutdownTimeout }: WebsocketPluginOptions, defaultTimeout: number, pluginTimeout: number
): ShutdownSettings {
  validateStrict(shutdown, SHUTDOWN_OPTIONS, (name) => `"shutdown.${name}"`)
  return {
    ...complete(shutdown, SHUTDOWN_OPTIONS),
    timeout: readTimeout(shutdownTimeout ?? undefined, defaultTimeout, pluginTimeout),
    preClose: preClose ?? undefined
  }
}

/** Fastify gives up a `preClose` hook after `pluginTimeout`, and skips the hooks after it. */
function readTimeout (timeout: number | undefined, defaultTimeout: number, pluginTimeout: number): number {
  const most = pluginTimeout === 0 ? Infinity : pluginTimeout - MARGIN
  if (timeout === undefined) return Math.min(defaultTimeout, Math.max(most, pluginTimeout / 2))
  if (timeout <= most) return timeout
  throw new FST_WS_INVALID_OPTION(
    '"shutdownTimeout"',
    `at most ${most} (ms), ${MARGIN} less than the pluginTimeout of Fastify: raise that too`,
    String(timeout)
  )
}

/** Returns whether RFC 6455 section 7.4 and its registry allow a code in a Close frame. */
function isCloseCode (value: unknown): boolean {
  return isBetween(1000, 1014)(value) ? !RESERVED_CODES.includes(value) : isBetween(3000, 4999)(value)
}
