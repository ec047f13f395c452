import type { ClientHttp2Session } from 'node:http2'
import { FST_WS_NO_EXTENDED_CONNECT } from '../errors.ts'

/** Results of `offersExtendedConnect()` by session. */
const offers = new WeakMap<ClientHttp2Session, Promise<boolean>>()

/**
 * Returns whether the server of a session offers Extended CONNECT. A client has to wait for this setting (RFC 8441
 * section 3). The server sends its SETTINGS first (RFC 9113 section 3.4), so they have arrived when a PING is answered.
 */
export async function offersExtendedConnect (session: ClientHttp2Session): Promise<boolean> {
  if (session.remoteSettings?.enableConnectProtocol === true) return true

  const asked = offers.get(session) ?? askForExtendedConnect(session)
  offers.set(session, asked)
  return await asked
}

/**
 * Returns whether the server of a new session offers Extended CONNECT.
 *
 * @throws FST_WS_NO_EXTENDED_CONNECT if the server does not answer in HTTP/2, whose first frame is SETTINGS (RFC 9113
 * section 3.4). Errors of the connection are thrown as they are
 */
export async function offersHttp2 (session: ClientHttp2Session, origin: string): Promise<boolean> {
  let isHttp2 = false
  session.once('remoteSettings', () => { isHttp2 = true })
  try {
    return await offersExtendedConnect(session)
  } catch (error) {
    if (isHttp2 || session.connecting) throw error
    throw new FST_WS_NO_EXTENDED_CONNECT(origin, { cause: error })
  }
}

async function askForExtendedConnect (session: ClientHttp2Session): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const ping = (): void => {
      session.ping((error) => { if (error === null) resolve(session.remoteSettings.enableConnectProtocol === true) })
    }
    // Node emits 'connect' even if the session has been destroyed, and ping() would throw.
    const sessionOnConnect = (): void => { if (!session.destroyed) ping() }
    session.on('remoteSettings', ({ enableConnectProtocol }) => { if (enableConnectProtocol === true) resolve(true) })
    session.on('error', reject)
    session.once('close', () => reject(createLossError()))
    if (session.connecting) session.once('connect', sessionOnConnect)
    else ping()
  })
}

/** Returns the error of a session that its server has closed. Its code is that of Node for a connection that ended. */
export function createLossError (): Error {
  return Object.assign(new Error('the HTTP/2 session closed before its server answered'), { code: 'ECONNRESET' })
}
