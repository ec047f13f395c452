import type { Http2Server, Settings } from 'node:http2'
import { readServerOptions } from '../internals/http2.ts'
import { PLUGIN_OPTIONS } from '../options/plugin.ts'
import { readHeaderListLimit } from './header-list.ts'
import { raiseSessionMemory } from './session-memory.ts'

/** Returns whether a server supports HTTP/2. */
export function isHttp2Server (server: object): server is Http2Server {
  return 'updateSettings' in server
}

/**
 * Adds SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3), SETTINGS_MAX_CONCURRENT_STREAMS and
 * SETTINGS_MAX_HEADER_LIST_SIZE to the first SETTINGS of each new session, and lets a session have the memory that
 * these limits need. Without a limit of the streams, browsers assume 100, and their fetches wait for a free stream.
 * Without one of header lists, each socket may keep 512 KB of them.
 *
 * @param sessionBudget limit of the unread bytes of a session
 * @returns a warning if the user has limited the memory of a session to less, else undefined
 */
export function advertiseExtendedConnect (
  server: Http2Server, settings: Settings, sessionBudget: number
): string | undefined {
  const limits = {
    maxConcurrentStreams: PLUGIN_OPTIONS.maxConcurrentStreams.default,
    ...readServerOptions(server).settings,
    maxHeaderListSize: readHeaderListLimit(server),
    ...settings
  }
  server.updateSettings({ ...limits, enableConnectProtocol: true })
  return raiseSessionMemory(server, { ...limits, sessionBudget })
}
