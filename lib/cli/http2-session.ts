import { connect } from 'node:http2'
import type { ClientHttp2Session, IncomingHttpHeaders, Settings } from 'node:http2'
import type { Socket } from 'node:net'
import type { ProbeRequest, SettingsFacts } from './result.ts'
import { withinLimit } from './time-limit.ts'

/** Value of a setting that the server has not sent, and that has no limit then (RFC 9113 section 6.5.2). */
const NO_LIMIT = 2 ** 32 - 1

/** An HTTP/2 session whose server has sent its SETTINGS. */
export interface OpenSession {
  session: ClientHttp2Session
  settings: SettingsFacts
  /** The response to the last request, as the server sent it. */
  readonly response: IncomingHttpHeaders | undefined
}

/** Error of a connection whose server does not speak HTTP/2. The cause shows that. */
export class NotHttp2Error extends Error {
  readonly code = 'FST_WS_NO_EXTENDED_CONNECT'

  constructor (cause: Error | undefined) {
    super(`the server does not answer in HTTP/2${cause === undefined ? '' : `: ${cause.message}`}`, { cause })
  }
}

/**
 * Starts an HTTP/2 session on a connection, and waits for the SETTINGS of the server.
 *
 * @throws NotHttp2Error if the first frame of the server is not SETTINGS (RFC 9113 section 3.4)
 * @throws TimeLimitError
 */
export async function openSession ({ url, timeout }: ProbeRequest, socket: Socket): Promise<OpenSession> {
  const origin = `${url.protocol === 'wss:' ? 'https:' : 'http:'}//${url.host}`
  const session = connect(origin, { createConnection: () => socket, settings: { enablePush: false } })
  try {
    const settings = await withinLimit('waiting for SETTINGS', timeout, receiveSettings(session))
    let response: IncomingHttpHeaders | undefined
    observeResponses(session, (headers) => { response = headers })
    return { session, settings: toFacts(settings), get response () { return response } }
  } catch (error) {
    session.destroy()
    throw error
  }
}

/**
 * Returns the SETTINGS of a server. They are its first frame. `connect()` waits for the answer to a PING before it
 * concludes that Extended CONNECT is not offered, and so does this.
 */
async function receiveSettings (session: ClientHttp2Session): Promise<Settings> {
  return await new Promise((resolve, reject) => {
    let cause: Error | undefined
    session.on('error', (error) => { cause = error })
    session.once('close', () => reject(new NotHttp2Error(cause)))
    session.once('remoteSettings', (settings) => {
      if (settings.enableConnectProtocol === true || session.destroyed) return resolve(settings)
      session.ping((error) => resolve(error === null ? session.remoteSettings : settings))
    })
  })
}

/** Passes the fields of each response to a callback. Those that `connect()` reports are converted to HTTP/1.1. */
function observeResponses (session: ClientHttp2Session, onResponse: (headers: IncomingHttpHeaders) => void): void {
  const { request } = session
  session.request = (...parameters) => request.apply(session, parameters).once('response', onResponse)
}

function toFacts (settings: Settings): SettingsFacts {
  const { enableConnectProtocol, maxConcurrentStreams, initialWindowSize, maxHeaderListSize } = settings
  return {
    enableConnectProtocol: enableConnectProtocol === true,
    maxConcurrentStreams: toLimit(maxConcurrentStreams),
    initialWindowSize: initialWindowSize ?? 65_535,
    maxHeaderListSize: toLimit(maxHeaderListSize)
  }
}

function toLimit (value = NO_LIMIT): number | null {
  return value >= NO_LIMIT ? null : value
}
