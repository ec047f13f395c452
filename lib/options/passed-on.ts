import type { RequestOptions } from 'node:https'
import type { TcpNetConnectOpts } from 'node:net'
import type { ConnectionOptions, SecureContextOptions } from 'node:tls'
import type { ClientOptions } from 'ws'
import type { ConnectOptions, SessionConnectOptions } from '../../types/index.ts'
import type { Check } from './table.ts'
import { ANY } from './validate.ts'

type Own =
  'heartbeat' | 'http' | 'path' | 'protocols' | 'reconnect' | 'sendLimit' | 'session' | 'slowConsumer'

/** Names of the options of `connect()`, of ws's client, and of the functions of Node that these call. */
type Name =
  keyof ConnectOptions | keyof SessionConnectOptions | keyof ClientOptions | keyof RequestOptions |
  keyof ConnectionOptions | keyof SecureContextOptions | keyof TcpNetConnectOpts

const IN_TARGET = absent('it is that of the URL or session')

/** Options that ws or `connect()` itself would overwrite. */
const WITHOUT_EFFECT = {
  ALPNProtocols: absent('the option "http" selects the HTTP version'),
  host: IN_TARGET,
  hostname: IN_TARGET,
  method: absent('the HTTP version decides it'),
  port: IN_TARGET,
  protocol: absent('the URL has it, and the option for subprotocols is "protocols"'),
  socketPath: absent('it is a part of the URL, as in "ws+unix:/tmp/socket:/path"'),
  timeout: absent('the option for it is "handshakeTimeout"')
} satisfies { [name in Name]?: Check }

/** Options of one handshake and one socket. Others may differ from them on the same connection. */
const OF_SOCKET = {
  // ws
  allowSynchronousEvents: ANY,
  autoPong: ANY,
  closeTimeout: ANY,
  finishRequest: ANY,
  followRedirects: ANY,
  generateMask: ANY,
  handshakeTimeout: ANY,
  maxBufferedChunks: ANY,
  maxFragments: ANY,
  maxPayload: ANY,
  maxPendingAutoPongs: ANY,
  maxRedirects: ANY,
  origin: ANY,
  perMessageDeflate: ANY,
  protocolVersion: ANY,
  skipUTF8Validation: ANY,
  // http.request()
  auth: ANY,
  headers: ANY,
  insecureHTTPParser: ANY,
  joinDuplicateHeaders: ANY,
  maxHeaderSize: ANY,
  setHost: ANY,
  signal: ANY,
  uniqueHeaders: ANY
} satisfies { [name in Name]?: Check }

/** Options that are passed on to ws and to Node, which validate them. */
const PASSED_ON = {
  ...OF_SOCKET,
  // http.request()
  _defaultAgent: ANY,
  agent: ANY,
  createConnection: ANY,
  defaultPort: ANY,
  // net.connect()
  allowHalfOpen: ANY,
  autoSelectFamily: ANY,
  autoSelectFamilyAttemptTimeout: ANY,
  family: ANY,
  fd: ANY,
  hints: ANY,
  keepAlive: ANY,
  keepAliveInitialDelay: ANY,
  localAddress: ANY,
  localPort: ANY,
  lookup: ANY,
  noDelay: ANY,
  onread: ANY,
  readable: ANY,
  writable: ANY,
  // tls.connect()
  allowPartialTrustChain: ANY,
  ALPNCallback: ANY,
  ca: ANY,
  cert: ANY,
  checkServerIdentity: ANY,
  ciphers: ANY,
  clientCertEngine: ANY,
  crl: ANY,
  dhparam: ANY,
  ecdhCurve: ANY,
  enableTrace: ANY,
  honorCipherOrder: ANY,
  key: ANY,
  maxVersion: ANY,
  minDHSize: ANY,
  minVersion: ANY,
  passphrase: ANY,
  pfx: ANY,
  privateKeyEngine: ANY,
  privateKeyIdentifier: ANY,
  pskCallback: ANY,
  rejectUnauthorized: ANY,
  requestCert: ANY,
  secureContext: ANY,
  secureOptions: ANY,
  secureProtocol: ANY,
  servername: ANY,
  sessionIdContext: ANY,
  sessionTimeout: ANY,
  sigalgs: ANY,
  SNICallback: ANY,
  socket: ANY,
  ticketKeys: ANY
} satisfies Record<Exclude<Name, Own | keyof typeof WITHOUT_EFFECT>, Check>

/** Options of Node.js 22 to 26 that the types of Node.js 20 do not have. */
const NEWER = {
  blockList: ANY,
  certificateCompression: ANY,
  handle: ANY,
  highWaterMark: ANY,
  httpValidation: ANY,
  requestOCSP: ANY,
  setDefaultHeaders: ANY,
  typeOfService: ANY
}

/** Options of `connect()` that are not its own. */
export const FOREIGN_OPTIONS = { ...PASSED_ON, ...NEWER, ...WITHOUT_EFFECT }

/** Names of the options that may be suggested. */
export const FOREIGN_NAMES = Object.keys({ ...PASSED_ON, ...NEWER }).filter((name) => !name.startsWith('_'))

/** Returns the options that decide to which server a connection leads, and what it accepts. */
export function connectionOptionsOf (options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !(name in OF_SOCKET)))
}

/** Returns a check for an option that must not be there. */
export function absent (reason: string): Check {
  return { expected: `absent: ${reason}`, isValid: () => false }
}
