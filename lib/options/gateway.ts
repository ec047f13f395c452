import type { Settings } from 'node:http2'
import type { GatewayOptions } from '../../types/index.ts'
import { PLUGIN_OPTIONS } from './plugin.ts'
import { RECEIVE_WINDOW_OPTIONS } from './receive-window.ts'
import type { ReceiveWindowSizes } from './receive-window.ts'
import { complete, omitNullish, pick } from './table.ts'
import type { Complete, Table } from './table.ts'
import { FUNCTION, validateStrict } from './validate.ts'

const { handshakeTimeout, maxConcurrentStreams, receiveWindow } = PLUGIN_OPTIONS

/** Options of `serveExtendedConnect()`. */
export const GATEWAY_OPTIONS = {
  handshakeTimeout,
  maxConcurrentStreams,
  receiveWindow,
  // An uncaught exception, like one of a listener for 'upgrade'.
  onError: { ...FUNCTION, default: undefined }
} satisfies Table<GatewayOptions>

/** The options of `serveExtendedConnect()`, validated and complete. */
export interface GatewaySettings extends
  Pick<Complete<GatewayOptions, typeof GATEWAY_OPTIONS>, 'handshakeTimeout' | 'onError'> {
  /** HTTP/2 settings that the user gave. */
  settings: Settings
  receiveWindow: Partial<ReceiveWindowSizes>
}

/**
 * Validates and completes the options of `serveExtendedConnect()`.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readGatewayOptions (options: GatewayOptions): GatewaySettings {
  validateStrict(options, GATEWAY_OPTIONS)
  validateStrict(options.receiveWindow, RECEIVE_WINDOW_OPTIONS, (name) => `"receiveWindow.${name}"`)
  const { handshakeTimeout, onError } = complete(options, GATEWAY_OPTIONS)
  const receiveWindow = pick(options.receiveWindow ?? {}, RECEIVE_WINDOW_OPTIONS)
  return {
    handshakeTimeout,
    onError,
    receiveWindow,
    settings: omitNullish({
      maxConcurrentStreams: options.maxConcurrentStreams, initialWindowSize: receiveWindow.initial
    })
  }
}
