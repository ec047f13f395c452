import { escapeText } from './escape.ts'
import type { Attempt, CertificateFacts, ConnectionFacts, PingFacts, ProbeResult, SettingsFacts } from './result.ts'

const COLUMNS = 80
const LABEL = 18
/** Characters of a value that are printed. `--json` has all of it. */
const MAX_VALUE = 400

type Row = [label: string, value: string | undefined]

/** Returns a result in plain text for people, in lines of at most 80 columns. */
export function formatReport (result: ProbeResult, diagnosis: string): string {
  const { url, connection, settings, socket, otherVersion } = result
  return [
    wrap(url, 0),
    section('Connection', connection === null ? [] : connectionRows(connection)),
    section('HTTP/2 settings of the server', settings === null ? [] : settingsRows(settings)),
    section(`Socket over HTTP/${socket.httpVersion}`, socketRows(socket)),
    section('Header fields of the response', headerRows(socket.headers)),
    section('The same URL', otherVersion === null ? [] : [[`HTTP/${otherVersion.httpVersion}`, describeOutcome(otherVersion)]]),
    wrap(diagnosis, 0)
  ].filter((text) => text !== '').join('\n\n') + '\n'
}

function connectionRows ({ address, port, connectMs, tlsVersion, alpnProtocol, certificate }: ConnectionFacts): Row[] {
  return [
    ['address', `${address}, port ${port}`],
    ['connected in', formatMs(connectMs)],
    ['TLS', tlsVersion ?? 'no'],
    ['certificate', certificate === null ? undefined : describeCertificate(certificate)],
    ['ALPN protocol', tlsVersion === null ? undefined : alpnProtocol ?? 'none']
  ]
}

function describeCertificate ({ trusted, problem, code }: CertificateFacts): string {
  return trusted ? 'trusted' : `not trusted: ${problem} (${code})`
}

function settingsRows (settings: SettingsFacts): Row[] {
  return [
    ['Extended CONNECT', settings.enableConnectProtocol ? 'offered' : 'not offered'],
    ['streams', formatLimit(settings.maxConcurrentStreams)],
    ['initial window', `${settings.initialWindowSize} bytes`],
    ['header list', formatLimit(settings.maxHeaderListSize, ' bytes')]
  ]
}

function socketRows (socket: Attempt): Row[] {
  const { status, subprotocol, extensions, pings, answer, body, closeCode, closeReason, outcome, error } = socket
  const isOpen = outcome === 'opened'
  return [
    ['result', describeOutcome(socket, false)],
    ['status', status === null ? undefined : String(status)],
    ['subprotocol', isOpen ? subprotocol || 'none' : undefined],
    ['extensions', isOpen ? extensions || 'none' : undefined],
    ['ping round trip', isOpen ? describePings(pings) : undefined],
    ['answer', answer === null ? undefined : `${formatMs(answer.roundTripMs)}: ${answer.text ?? `${answer.bytes} bytes`}`],
    ['close code', closeCode === null ? undefined : closeReason ? `${closeCode} (${closeReason})` : String(closeCode)],
    ['error', isOpen && error !== null ? error.message : undefined],
    ['body', body === null ? undefined : body === '' ? 'empty' : body]
  ]
}

function describePings (pings: PingFacts | null): string {
  if (pings === null) return 'not answered'
  const { count, minMs, p50Ms, maxMs } = pings
  return `p50 ${formatMs(p50Ms)}, min ${formatMs(minMs)}, max ${formatMs(maxMs)} (${count} pings)`
}

/** Returns the outcome in words. The status has a row of its own where `withStatus` is false. */
function describeOutcome ({ outcome, openMs, status, body, error }: Attempt, withStatus = true): string {
  switch (outcome) {
    case 'opened': return `opened in ${formatMs(openMs ?? 0)}${withStatus ? `, status ${status}` : ''}`
    case 'refused': return withStatus ? `refused with ${status}${body ? `: ${body}` : ''}` : 'refused'
    case 'failed':
    case 'unavailable': return `${outcome === 'failed' ? 'failed' : 'not available'}: ${error?.message}`
  }
}

function headerRows (headers: Attempt['headers']): Row[] {
  return Object.entries(headers ?? {}).flatMap(([name, values]) => {
    return [values].flat().map((value): Row => [name, value === '' ? '(empty)' : value])
  })
}

function section (title: string, rows: Row[]): string {
  const lines = rows.flatMap(([label, value]) => value === undefined ? [] : [formatRow(escapeText(label), value)])
  return lines.length === 0 ? '' : [title, ...lines].join('\n')
}

/** Returns a label and its value, which continues under itself. A long label has a line of its own. */
function formatRow (label: string, value: string): string {
  const text = wrap(value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}… (${value.length} characters)` : value, LABEL + 4)
  return label.length > LABEL ? `  ${label}\n${text}` : `  ${label.padEnd(LABEL)}  ${text.trimStart()}`
}

/** Escapes a text, and breaks it between words, or within those that do not fit in a line. */
function wrap (text: string, indent: number): string {
  const width = COLUMNS - indent
  const lines: string[] = []
  for (const word of escapeText(text).split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(...(word === '' ? [''] : word.match(new RegExp(`.{1,${width}}`, 'gu'))!))
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n')
}

function formatMs (ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`
}

function formatLimit (limit: number | null, unit = ''): string {
  return limit === null ? 'no limit' : `${limit}${unit} at most`
}
