import type { Http2Server, Settings } from 'node:http2'
import { readServerSettings } from '../internals/http2.ts'
import { PLUGIN_OPTIONS } from '../options/plugin.ts'

/** Returns whether a server supports HTTP/2. */
export function isHttp2Server (server: object): server is Http2Server {
  return 'updateSettings' in server
}

/**
 * Adds SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3) and SETTINGS_MAX_CONCURRENT_STREAMS to the first SETTINGS
 * of each new session. Without a limit of the streams, browsers assume 100, and their fetches wait for a free stream.
 */
export function advertiseExtendedConnect (server: Http2Server, settings: Settings): void {
  const { maxConcurrentStreams = PLUGIN_OPTIONS.maxConcurrentStreams.default } = readServerSettings(server)
  server.updateSettings({ maxConcurrentStreams, ...settings, enableConnectProtocol: true })
}
