import type { DrainOptions } from '../../types/index.ts'
import { SHUTDOWN_OPTIONS } from './shutdown.ts'
import { complete } from './table.ts'
import type { Complete, Table } from './table.ts'
import { MILLISECONDS, OBJECT, validate, validateStrict } from './validate.ts'

/** The options of a drain, complete. */
export type DrainSettings = Complete<DrainOptions, typeof DRAIN_OPTIONS>

/** Options of `drain()`. */
export const DRAIN_OPTIONS = {
  // A handshake with TLS takes about 3 ms of CPU: ten thousand clients that reconnect keep one core busy for that long.
  over: { ...MILLISECONDS, default: 30_000 },
  // "Service Restart" in the registry of RFC 6455 section 11.7: the client may reconnect. After 1001 it may give up.
  code: { ...SHUTDOWN_OPTIONS.code, default: 1012 },
  // What the client is to do. The reason may be shown to a user, to whom the age of a session means another session.
  reason: { ...SHUTDOWN_OPTIONS.reason, default: 'reconnect' }
} satisfies Table<DrainOptions>

/**
 * Validates and completes the options of `drain()`.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readDrainOptions (options?: DrainOptions): DrainSettings {
  validate({ options }, { options: OBJECT }, (name) => `"${name}" of drain()`)
  validateStrict(options, DRAIN_OPTIONS, (name) => `"${name}" of drain()`)
  return complete(options, DRAIN_OPTIONS)
}
