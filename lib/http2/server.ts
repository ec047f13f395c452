import type { Http2Server, Settings } from 'node:http2'
import { readServerSettings } from '../internals/http2.ts'
import { PLUGIN_OPTIONS } from '../options/plugin.ts'

/** Whether a server speaks HTTP/2. */
export function isHttp2Server (server: object): server is Http2Server {
  return 'updateSettings' in server
}

/**
 * Puts into the first SETTINGS of each session to come that Extended CONNECT is served (RFC 8441 section 3), and how
 * many streams a client may open: browsers take "no limit" for 100, and let their fetches wait for a 101st stream.
 */
export function advertiseExtendedConnect (server: Http2Server, settings: Settings): void {
  const { maxConcurrentStreams = PLUGIN_OPTIONS.maxConcurrentStreams.default } = readServerSettings(server)
  server.updateSettings({ maxConcurrentStreams, ...settings, enableConnectProtocol: true })
}
