import type { ClientOptions } from 'ws'
import type { ConnectOptions, SessionConnectOptions } from '../../types/index.ts'
import { NO_LIMITS, SEND_LIMIT, SLOW_CONSUMER } from './send-limits.ts'
import { complete, omit } from './table.ts'
import type { Complete, Table } from './table.ts'
import { validate } from './validate.ts'

type Options = ConnectOptions & SessionConnectOptions

/** The options of a client's socket, validated and complete. */
export interface ClientSettings extends Complete<Options, typeof CONNECT_OPTIONS> {
  /** Subprotocols to offer. ws validates them. */
  protocols: string[]
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
    isValid: (value) => String(value).startsWith('/'),
    default: '/'
  },
  // No limit, as with ws: a client chooses the server that it sends to.
  sendLimit: { ...SEND_LIMIT, default: NO_LIMITS.sendLimit },
  slowConsumer: { ...SLOW_CONSUMER, default: NO_LIMITS.slowConsumer }
} satisfies Table<Pick<Options, 'http' | 'path' | 'sendLimit' | 'slowConsumer'>>

/**
 * Validates and completes the options of a client's socket.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function readConnectOptions (options: Options): ClientSettings {
  validate(options, CONNECT_OPTIONS)
  const { protocols, ...others } = options
  return {
    ...complete(options, CONNECT_OPTIONS),
    protocols: [protocols ?? []].flat(),
    client: omit(others, CONNECT_OPTIONS) as ClientOptions
  }
}
