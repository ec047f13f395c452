import { types } from 'node:util'
import type { ClientOptions } from 'ws'
import type { ConnectOptions, ReconnectOptions, SessionConnectOptions } from '../../types/index.ts'
import { FOREIGN_NAMES, FOREIGN_OPTIONS, absent } from './passed-on.ts'
import { DEFAULTS_WITH_RECONNECT, RECONNECT, readReconnectOptions } from './reconnect.ts'
import type { ReconnectSettings } from './reconnect.ts'
import { NO_LIMITS, SEND_LIMIT, SLOW_CONSUMER } from './send-limits.ts'
import { complete, omit, omitNullish } from './table.ts'
import type { Check, Complete, Table } from './table.ts'
import { MILLISECONDS, OBJECT, isObject, validate, validateStrict } from './validate.ts'
import type { KnownNames } from './validate.ts'

/** Options of `connect()` with any target. */
export type Options =
  Omit<ConnectOptions & SessionConnectOptions, 'reconnect'> & { reconnect?: boolean | ReconnectOptions | undefined }
type Protocols = string | readonly string[]

/** The options of a client's socket, validated and complete. */
export interface ClientSettings extends Omit<Complete<Options, typeof CONNECT_OPTIONS>, 'reconnect' | 'session'> {
  /** Subprotocols to offer. ws validates them. */
  protocols: string[]
  /** Undefined without the option `reconnect`. */
  reconnect: ReconnectSettings | undefined
  /** True if the socket may be a stream of a session that others have opened. */
  isShared: boolean
  /** Options for ws, as the user gave them. */
  client: ClientOptions
}

const VERSIONS: unknown[] = ['1.1', '2']

/** Options of `connect()` that ws does not have. */
export const CONNECT_OPTIONS = {
  // The server decides: HTTP/2 where it offers Extended CONNECT.
  http: { expected: '"1.1" or "2"', isValid: (value) => VERSIONS.includes(value), default: undefined },
  path: {
    expected: 'a path that begins with "/"',
    isValid: (value) => typeof value === 'string' && value.startsWith('/'),
    default: '/'
  },
  // None, as with ws: the server pings.
  heartbeat: { ...MILLISECONDS, default: 0 },
  // A ws socket ends once. The object that opens others is one of its own.
  reconnect: { ...RECONNECT, default: false },
  // A connection for each socket: only the user knows whether one may carry several.
  session: { expected: '"shared", or a Buffer: a TLS session to resume', isValid: isSession, default: undefined },
  // No limit, as with ws: a client chooses the server that it sends to.
  sendLimit: { ...SEND_LIMIT, default: NO_LIMITS.sendLimit },
  slowConsumer: { ...SLOW_CONSUMER, default: NO_LIMITS.slowConsumer }
} satisfies Table<Pick<Options, 'http' | 'path' | 'heartbeat' | 'reconnect' | 'session' | 'sendLimit' | 'slowConsumer'>>

const PROTOCOLS: Check = { expected: 'a string or an array of strings', isValid: isProtocols }

const ALL_OPTIONS = { ...FOREIGN_OPTIONS, ...CONNECT_OPTIONS, protocols: PROTOCOLS }

const URL_OPTIONS = { ...ALL_OPTIONS, path: absent('it is a part of the URL') }

// A socket that ignored `agent`, for example, would bypass the proxy that it connects to.
const SESSION_OPTIONS = {
  ...ALL_OPTIONS,
  agent: absent('a session is a connection'),
  createConnection: absent('a session is a connection'),
  followRedirects: { ...absent('a session cannot connect to another server'), isValid: (value) => value === false },
  http: { expected: '"2" or absent: a session is one of HTTP/2', isValid: (value) => value === '2' },
  maxRedirects: absent('a session cannot connect to another server'),
  reconnect: { ...absent('a session cannot be opened again'), isValid: (value) => value === false },
  session: { ...absent('the session is the first argument'), isValid: types.isUint8Array }
} satisfies Record<string, Check>

// HTTP/1.1 has no sessions, so that the option would have no effect.
const SHARED_OPTIONS = {
  agent: absent('with session: "shared" there is no connection of HTTP/1.1'),
  http: { expected: '"2" or absent: HTTP/1.1 has no sessions to share', isValid: (value) => value === '2' }
} satisfies Record<string, Check>

const KNOWN: KnownNames = {
  expected: 'one of those of connect(), of ws\'s client, or of tls.connect() (see docs/client.md)',
  suggested: [...Object.keys(CONNECT_OPTIONS), 'protocols', ...FOREIGN_NAMES]
}

/**
 * Returns the options in the arguments of `connect()` after the first: `(options)` or `(protocols, options)`.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readArguments (second: Protocols | Options | null | undefined, third?: Options | null): Options {
  if (third == null && isObject(second)) return second as Options
  validate({ protocols: second, options: third }, { protocols: PROTOCOLS, options: OBJECT })
  if (second == null) return third ?? {}
  validate(third, { protocols: absent('the subprotocols are the second argument') })
  return { ...third, protocols: second as Protocols }
}

/**
 * Validates and completes the options of a client's socket.
 *
 * @param hasSession true where the socket is a stream of a session, false where it has a URL
 * @throws FST_WS_INVALID_OPTION
 */
export function readConnectOptions (options: Options, hasSession: boolean): ClientSettings {
  validateStrict(options, hasSession ? SESSION_OPTIONS : URL_OPTIONS, undefined, KNOWN)
  const { protocols, session, ...others } = options
  const isShared = session === 'shared'
  if (isShared) validate(options, SHARED_OPTIONS)
  const reconnect = readReconnectOptions(options.reconnect)
  const defaults = reconnect === undefined ? {} : DEFAULTS_WITH_RECONNECT
  return {
    ...complete(options, CONNECT_OPTIONS, defaults),
    protocols: [protocols ?? []].flat(),
    reconnect,
    isShared,
    client: {
      ...omit({ ...defaults, ...omitNullish(others) }, CONNECT_OPTIONS) as ClientOptions,
      ...!isShared && session != null && { session }
    }
  }
}

/** The name is that of an option of `tls.connect()`, too. */
function isSession (value: unknown): boolean {
  return value === 'shared' || types.isUint8Array(value)
}

function isProtocols (value: unknown): boolean {
  return [value].flat().every((protocol) => typeof protocol === 'string')
}
