import { validateStrict, isBetween } from './validate.ts'
import type { Validators } from './validate.ts'
import { FST_WS_INVALID_OPTION } from '../errors.ts'
import type { PreCloseHook, WebsocketPluginOptions } from '../../types/index.ts'

/** How the sockets are closed when Fastify closes. */
export interface ShutdownSettings {
  /** Time, in ms, from the beginning of the shutdown until everything that is still open is ended. */
  timeout: number
  /** Code of the Close frames (RFC 6455 section 7.4). */
  code: number
  reason: string
  /** Sockets that get their Close frame at once. */
  batch: number
  /** The user's way of closing the sockets. */
  preClose: PreCloseHook | undefined
}

// Less than the pluginTimeout of Fastify, 10 s, and the 10 s that Docker gives a process before it is killed.
const DEFAULT_TIMEOUT = 5000

/** Time, in ms, that must be left of Fastify's `pluginTimeout` when `shutdownTimeout` has passed. */
const MARGIN = 500

// RFC 6455 section 7.4.1: an endpoint is "going away", such as a server going down.
const DEFAULTS = Object.freeze({ code: 1001, reason: '', batch: 100 })

export const SHUTDOWN_OPTIONS: Validators = {
  code: ['a close code that may be sent: 1000 to 1003, 1007 to 1014, or 3000 to 4999', isCloseCode],
  reason: ['a string of at most 123 bytes', (value) => typeof value === 'string' && Buffer.byteLength(value) <= 123],
  batch: ['an integer of at least 1, or Infinity', (value) => value === Infinity || isBetween(1, Infinity)(value)]
}

/**
 * Checks the options of the shutdown, and completes them.
 *
 * @param pluginTimeout that of Fastify, which ends its `preClose` hooks; in ms, 0 is no limit
 * @throws FST_WS_INVALID_OPTION
 */
export function readShutdownOptions (
  { preClose, shutdown, shutdownTimeout }: WebsocketPluginOptions, pluginTimeout: number
): ShutdownSettings {
  validateStrict(shutdown, SHUTDOWN_OPTIONS, (name) => `"shutdown.${name}"`)
  const { code, reason, batch } = DEFAULTS
  return {
    timeout: readTimeout(shutdownTimeout ?? undefined, pluginTimeout),
    code: shutdown?.code ?? code,
    reason: shutdown?.reason ?? reason,
    batch: shutdown?.batch ?? batch,
    preClose: preClose ?? undefined
  }
}

/** Fastify gives up a `preClose` hook that takes longer than `pluginTimeout`, and with it all that come after. */
function readTimeout (given: number | undefined, pluginTimeout: number): number {
  const most = pluginTimeout === 0 ? Infinity : pluginTimeout - MARGIN
  if (given === undefined) return Math.min(DEFAULT_TIMEOUT, Math.max(most, pluginTimeout / 2))
  if (given <= most) return given
  throw new FST_WS_INVALID_OPTION(
    '"shutdownTimeout"',
    `at most ${most} (ms), ${MARGIN} less than the pluginTimeout of Fastify: raise that too`,
    String(given)
  )
}

/** The codes that RFC 6455 section 7.4 and its registry allow in a Close frame. */
function isCloseCode (value: unknown): boolean {
  return isBetween(1000, 1014)(value) ? ![1004, 1005, 1006].includes(Number(value)) : isBetween(3000, 4999)(value)
}
