import type { GatewayOptions } from '../../types/index.ts'
import { PLUGIN_OPTIONS } from './plugin.ts'
import { readSessionSettings } from './receive-window.ts'
import type { SessionSettings } from './receive-window.ts'
import { complete } from './table.ts'
import type { Complete, Table } from './table.ts'
import { FUNCTION, validateStrict } from './validate.ts'

const { handshakeTimeout, maxConcurrentStreams, receiveWindow } = PLUGIN_OPTIONS

/** Options of `serveExtendedConnect()`. */
export const GATEWAY_OPTIONS = {
  handshakeTimeout,
  maxConcurrentStreams,
  receiveWindow,
  // An uncaught exception, like one of a listener for 'upgrade'. A warning, if another server may have caused it.
  onError: { ...FUNCTION, default: undefined }
} satisfies Table<GatewayOptions>

/** The options of `serveExtendedConnect()`, validated and complete. */
export interface GatewaySettings extends
  SessionSettings, Pick<Complete<GatewayOptions, typeof GATEWAY_OPTIONS>, 'handshakeTimeout' | 'onError'> {}

/**
 * Validates and completes the options of `serveExtendedConnect()`.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readGatewayOptions (options: GatewayOptions): GatewaySettings {
  validateStrict(options, GATEWAY_OPTIONS)
  const { handshakeTimeout, onError } = complete(options, GATEWAY_OPTIONS)
  return { handshakeTimeout, onError, ...readSessionSettings(options) }
}
