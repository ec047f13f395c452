import type { ClientOptions } from 'ws'
import type { Validators } from './validate.ts'
import { SEND_OPTIONS } from './plugin.ts'
import { NO_LIMITS, readSendLimits } from './send-limits.ts'
import type { SendLimits } from './send-limits.ts'
import { validate, omitNullish } from './validate.ts'
import type { ConnectOptions, SessionConnectOptions } from '../../types/index.ts'

/** The options of a client's socket. */
export interface ClientSettings {
  protocols: string[]
  http: '1.1' | '2' | undefined
  path: string
  sendLimits: SendLimits
  /** What goes to ws as it is. */
  client: ClientOptions
}

const VERSIONS: unknown[] = ['1.1', '2']

export const CONNECT_OPTIONS: Validators = {
  http: ['"1.1" or "2"', (value) => VERSIONS.includes(value)],
  path: ['a path that begins with "/"', (value) => String(value).startsWith('/')],
  ...SEND_OPTIONS
}

/**
 * Checks the options of a client's socket.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readConnectOptions (given: ConnectOptions & SessionConnectOptions): ClientSettings {
  validate(given, CONNECT_OPTIONS)

  const { protocols = [], http, path = '/', sendLimit, slowConsumer, ...client } = given
  return {
    protocols: [protocols].flat(),
    http,
    path,
    sendLimits: readSendLimits({ sendLimit, slowConsumer }, NO_LIMITS),
    client: omitNullish(client) as ClientOptions
  }
}
