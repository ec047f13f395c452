import type { Attempt, ProbeRequest } from './result.ts'

type Explain = (request: ProbeRequest, socket: Attempt) => string

const PLAIN_REQUEST = 'The handshake arrived as a plain request: a proxy has removed its Upgrade and Connection fields.'
const MAX_LOCATION = 500
const NO_BACKEND = 'That is the answer of a proxy that cannot reach the app, or whose app ended the handshake.'
const OVERLOADED = 'The server is closing or at a limit, such as maxSockets'

/** Probable causes of a refusal, by its status. */
const CAUSES: Record<number, Explain> = {
  400: () => 'It takes the handshake for an invalid one, or expects something in its header fields or query.',
  401: () => 'It expects credentials: pass them with --header "authorization: Bearer TOKEN" or --header "cookie: NAME=VALUE".',
  403: explainForbidden,
  404: ({ url }) => `It has no websocket route for "${url.pathname}".`,
  405: () => PLAIN_REQUEST,
  407: () => 'That is the answer of a proxy that expects credentials.',
  426: ({ url }, { httpVersion }) => httpVersion === '2' || url.protocol === 'ws:'
    ? PLAIN_REQUEST
    : `${PLAIN_REQUEST} nginx needs "proxy_http_version 1.1" and "proxy_set_header" for both.`,
  429: (_request, socket) => `It has received too many requests${retryAfter(socket)}.`,
  431: () => 'The header fields of the handshake are too large.',
  501: () => 'It does not know the :protocol "websocket": its Extended CONNECT is for something else.',
  502: () => NO_BACKEND,
  503: (_request, socket) => `${OVERLOADED}${retryAfter(socket)}.`,
  504: () => NO_BACKEND
}

/** Returns the probable cause of a refusal, if there is a typical one. */
export function explainStatus (request: ProbeRequest, socket: Attempt): string[] {
  const status = socket.status ?? 0
  const explain = CAUSES[status]
  if (explain !== undefined) return [explain(request, socket)]
  if (status >= 300 && status < 400) return [explainRedirect(socket)]
  if (status >= 200 && status < 300) return ['It answered as to a plain request: no WebSocket server listens at this URL.']
  return status >= 500 ? ['The app failed: its log has the error.'] : []
}

function explainForbidden ({ origin, headers }: ProbeRequest): string {
  const sent = origin ?? headers.origin
  if (sent === undefined) {
    return 'It may expect credentials, or the Origin of a web page: pass --header or --origin.'
  }
  if (!isOrigin(String(sent))) {
    return `No browser sends the Origin "${sent}": it needs a scheme, and no path, as in "https://example.com".`
  }
  return `It probably does not allow pages of the origin ${sent}: see the option "origin", and "trustProxy" behind a proxy.`
}

/** Returns true for "null", and for a scheme and a host with or without a port: RFC 6454 section 7. */
function isOrigin (value: string): boolean {
  return value === 'null' || /^[a-z][a-z\d+.-]*:\/\/[^\s/?#]+$/i.test(value)
}

function explainRedirect ({ headers }: Attempt): string {
  const { location } = headers ?? {}
  if (location === undefined) return 'It redirects.'
  return `It redirects to ${String(location).slice(0, MAX_LOCATION)}, which browsers do not follow: probe that URL.`
}

function retryAfter ({ headers }: Attempt): string {
  const value = headers?.['retry-after']
  return value === undefined ? '' : `, and asks to retry after ${value} (retry-after)`
}
