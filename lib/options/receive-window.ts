import type { Settings } from 'node:http2'
import type { GatewayOptions, ReceiveWindowOptions } from '../../types/index.ts'
import { complete, omitNullish, pick } from './table.ts'
import type { Check, Table } from './table.ts'
import { isBetween, validateStrict } from './validate.ts'

/** Sizes of receive windows, in bytes. */
export interface ReceiveWindowSizes {
  /** Initial window of each stream of a session. */
  initial: number
  /** Largest window of a stream. */
  max: number
  /** Unread bytes of all streams of a session. */
  sessionBudget: number
}

const WINDOW: Check = { expected: 'an integer from 1024 to 2147483647 (bytes)', isValid: isBetween(1024, 2 ** 31 - 1) }

/** Options of `receiveWindow`. */
export const RECEIVE_WINDOW_OPTIONS = {
  // RFC 9113 section 6.9.2: the window that a client uses until it receives our SETTINGS. Settings of the server, where
  // it has them, come before this default.
  initial: { ...WINDOW, default: 65_535 },
  // More than a link of 1 Gbit/s has in flight with a round trip of 100 ms, which is 12.5 MB.
  max: { ...WINDOW, default: 16 * 1024 * 1024 },
  // A thousand sockets, each with an unread initial window, and as much again that Node reads ahead.
  sessionBudget: {
    expected: 'an integer of at least 65535 (bytes)',
    isValid: isBetween(65_535, Number.MAX_SAFE_INTEGER),
    default: 128 * 1024 * 1024
  }
} satisfies Table<ReceiveWindowOptions>

/** Options of the sessions of an HTTP/2 server that the user gave. */
export interface SessionSettings {
  /** HTTP/2 settings. Where one is omitted, the settings of the server decide. */
  settings: Settings
  receiveWindow: Partial<ReceiveWindowSizes>
}

/**
 * Reads the options of sessions, and validates `receiveWindow`.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readSessionSettings (
  options: Pick<GatewayOptions, 'maxConcurrentStreams' | 'receiveWindow'>
): SessionSettings {
  validateStrict(options.receiveWindow, RECEIVE_WINDOW_OPTIONS, (name) => `"receiveWindow.${name}"`)
  const receiveWindow = pick(options.receiveWindow ?? {}, RECEIVE_WINDOW_OPTIONS)
  const { maxConcurrentStreams } = options
  return { settings: omitNullish({ maxConcurrentStreams, initialWindowSize: receiveWindow.initial }), receiveWindow }
}

/** Returns complete sizes. A maximum below the initial window has no effect. */
export function completeSizes (options: ReceiveWindowOptions): ReceiveWindowSizes {
  const { initial, max, sessionBudget } = complete(options, RECEIVE_WINDOW_OPTIONS)
  return { initial, max: Math.max(initial, max), sessionBudget }
}
