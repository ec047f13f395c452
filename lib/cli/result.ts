/** HTTP version of a handshake, in the values of `socket.httpVersion`. */
export type HttpVersion = '1.1' | '2'

/** Request of a probe, from the arguments of the command. */
export interface ProbeRequest {
  /** Without user and password, which are in `headers`. */
  url: URL
  /** The only version that counts as a success. Default: the version that a browser would prefer for the URL. */
  http: HttpVersion | undefined
  headers: Record<string, string | string[]>
  origin: string | undefined
  protocols: string[]
  /** Text to send when the socket is open. */
  send: string | undefined
  insecure: boolean
  /** Certificates to trust, in PEM. Default: those that Node trusts. */
  ca: Buffer | undefined
  /** Time limit of each step, in ms. */
  timeout: number
}

/** Result of a probe, and the object that `--json` prints with `exitCode` and `diagnosis`. */
export interface ProbeResult {
  url: string
  /** The version that counts as a success. */
  expectedHttpVersion: HttpVersion
  /** The first connection. Null if none was made. */
  connection: ConnectionFacts | null
  /** SETTINGS of the server. Null if it did not send any. */
  settings: SettingsFacts | null
  socket: Attempt
  /** Null if it was not tried, because no connection can be made. */
  otherVersion: Attempt | null
}

export interface ConnectionFacts {
  address: string
  port: number
  /** Time to resolve the name, connect and perform the TLS handshake. */
  connectMs: number
  /** Null without TLS, like the next two. */
  tlsVersion: string | null
  /** Null also if TLS negotiated no protocol. */
  alpnProtocol: string | null
  certificate: CertificateFacts | null
}

export interface CertificateFacts {
  trusted: boolean
  /** Code of Node, such as CERT_HAS_EXPIRED. */
  code: string | null
  problem: string | null
}

/** SETTINGS of RFC 9113 section 6.5.2 and RFC 8441 section 3. Null where the server sets no limit. */
export interface SettingsFacts {
  enableConnectProtocol: boolean
  maxConcurrentStreams: number | null
  initialWindowSize: number
  maxHeaderListSize: number | null
}

/**
 * Outcome of a handshake: the socket opened; the server answered with another status; there was no answer; the version
 * is not offered, and no handshake was sent.
 */
export type Outcome = 'opened' | 'refused' | 'failed' | 'unavailable'

/** One handshake, and the socket that it opened. Null is a value that there was no occasion to learn. */
export interface Attempt {
  /** Over which the handshake was sent, or would have been sent. */
  httpVersion: HttpVersion
  outcome: Outcome
  openMs: number | null
  status: number | null
  headers: Record<string, string | string[]> | null
  /** The beginning of the body of a refusal. */
  body: string | null
  bodyIsComplete: boolean | null
  subprotocol: string | null
  extensions: string | null
  pings: PingFacts | null
  answer: AnswerFacts | null
  closeCode: number | null
  closeReason: string | null
  /** True if the socket ended before the probe closed it. */
  endedEarly: boolean
  error: ErrorFacts | null
}

/** Round trips of WebSocket pings. */
export interface PingFacts {
  count: number
  minMs: number
  p50Ms: number
  maxMs: number
}

/** The first message after the text of `--send`. */
export interface AnswerFacts {
  roundTripMs: number
  isBinary: boolean
  bytes: number
  /** Its beginning. Null if it is binary. */
  text: string | null
}

export interface ErrorFacts {
  code: string
  message: string
}
