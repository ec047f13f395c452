import type { ClientHttp2Session } from 'node:http2'
import type { WebSocket as WsWebSocket } from 'ws'
import type { WebSocket } from '../../types/index.ts'
import type { ClientSettings } from '../options/client.ts'
import { Connection, connectionOf } from '../socket/connection.ts'
import { Heartbeat } from '../socket/heartbeat.ts'
import type { PluginSocket } from '../socket/plugin-socket.ts'
import { kAttachConnection, kConfigure } from '../symbols.ts'
import { ClientSocket } from './client-socket.ts'
import { overHttp1, overHttp2, overSession } from './negotiate.ts'

/**
 * Opens a WebSocket to a URL or on an HTTP/2 session. Failures after this function has returned are emitted as
 * `'error'`.
 *
 * @throws SyntaxError of ws if the URL or a subprotocol is invalid
 */
export function openSocket (target: string | URL | ClientHttp2Session, settings: ClientSettings): WebSocket {
  const { protocols, http, path, sendLimit, slowConsumer, heartbeat, isShared, client } = settings
  const [url, wsOptions] = isSession(target)
    ? [toUrl(target, path), overSession(target, client)]
    : [target, http === '1.1' || client.agent != null ? overHttp1(client) : overHttp2(client, http, isShared)]

  const ownsConnection = !isSession(target) && !isShared
  const socket = new ClientSocket(url, protocols, wsOptions) as WsWebSocket & PluginSocket
  socket[kConfigure]({ sendLimits: { sendLimit, slowConsumer } })
  socket.once('upgrade', ({ socket: duplex }) => {
    const connection = connectionOf(duplex) ?? new Connection(duplex)
    // Before the listeners for 'open' that send.
    socket.prependOnceListener('open', () => {
      socket[kAttachConnection](connection)
      // Nobody else uses the session, and its server would not close the connection.
      const unresponsive = (): void => { if (ownsConnection) connection.transport?.destroy() }
      if (heartbeat > 0) new Heartbeat(socket, connection, heartbeat, { unresponsive }).start()
    })
  })
  return socket
}

/** Returns whether the target of a client is an HTTP/2 session, and not a URL. */
export function isSession (target: string | URL | ClientHttp2Session): target is ClientHttp2Session {
  return typeof target === 'object' && 'ping' in target
}

function toUrl ({ originSet: [origin = 'http://localhost'] = [] }: ClientHttp2Session, path: string): string {
  return origin.replace('http', 'ws') + path
}
