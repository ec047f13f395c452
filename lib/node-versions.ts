import type { Server } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { kWarnedOfNodeVersion } from './symbols.ts'

/** Vulnerability of Node.js that a peer can use by what it sends. */
export interface Vulnerability {
  readonly id: string
  /** What a peer can do, in words that follow "a peer can". */
  readonly impact: string
  /** What it concerns: servers that speak HTTP/2, servers over TLS, or HTTP/2 clients such as `connect()`. */
  readonly concerns: 'http2' | 'tls' | 'client'
  /** The first fixed version of each line that has one. */
  readonly fixed: readonly string[]
  /** Lines that reached their end of life without a fix. */
  readonly unfixed: readonly number[]
}

type RuntimeVersions = Pick<NodeJS.ProcessVersions, 'node'> & { bun?: string, deno?: string }

/** Last releases of the lines that Node.js does not support. Later ones are not from Node.js, and may have fixes. */
const LAST_RELEASES = new Map([[20, '20.20.2'], [21, '21.7.3'], [23, '23.11.1'], [25, '25.9.0']])

const UNSUPPORTED = [...LAST_RELEASES.keys()]
const FIXED_IN_NOVEMBER_2026 = ['22.23.5', '24.22.3', '26.13.1']

/** Lines that get fixes. Users of a line that does not are advised to use one of them. */
const SUGGESTED_LINES = [24, 26]

/**
 * Vulnerabilities from Node.js 20.19 on, the worst first, from the changelogs of Node.js, its security releases, and
 * the records of cve.org. "End-of-Life versions are always affected when a security release occurs", says Node.js.
 *
 * Those that need more than a peer are not listed: a use of an API that neither the plugin nor Fastify makes
 * (CVE-2026-21637, -21710, -123828, -123874). Nor is CVE-2026-123868: `receiveWindow.sessionBudget` has that limit on
 * every version.
 */
export const VULNERABILITIES: readonly Vulnerability[] = [
  {
    id: 'CVE-2026-123866',
    impact: 'read response data of other connections',
    concerns: 'http2',
    fixed: FIXED_IN_NOVEMBER_2026,
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2026-123864',
    impact: 'read memory of other connections over HTTP/1.1, if a handler sends headers before the request has ended',
    concerns: 'tls',
    fixed: FIXED_IN_NOVEMBER_2026,
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2026-126051',
    impact: 'crash a TLS server',
    concerns: 'tls',
    fixed: ['24.22.3', '26.13.1'],
    unfixed: [25]
  },
  {
    id: 'CVE-2026-56848',
    impact: 'corrupt the heap (use after free)',
    concerns: 'http2',
    fixed: ['22.23.2', '24.18.1', '26.5.1'],
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2025-59465',
    impact: 'crash the process with a malformed HEADERS frame',
    concerns: 'http2',
    fixed: ['20.20.0', '22.22.0', '24.13.0', '25.3.0'],
    unfixed: [21, 23]
  },
  {
    id: 'CVE-2026-123865',
    impact: 'leave streams open after HTTP/2 has closed them',
    concerns: 'http2',
    fixed: FIXED_IN_NOVEMBER_2026,
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2026-123863',
    impact: 'occupy memory with the headers of streams that have ended',
    concerns: 'http2',
    fixed: FIXED_IN_NOVEMBER_2026,
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2026-56846',
    impact: 'occupy more memory with headers than maxSessionMemory allows',
    concerns: 'http2',
    fixed: ['22.23.2', '24.18.1', '26.4.0'],
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2026-123875',
    impact: 'crash the process by cancelling a stream',
    concerns: 'http2',
    fixed: FIXED_IN_NOVEMBER_2026,
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2026-48937',
    impact: 'keep a session open that the server has ended with GOAWAY',
    concerns: 'http2',
    fixed: ['22.23.0', '24.17.0', '26.1.0'],
    unfixed: UNSUPPORTED
  },
  {
    id: 'CVE-2026-21714',
    impact: 'leak the memory of sessions with WINDOW_UPDATE frames',
    concerns: 'http2',
    fixed: ['20.20.2', '22.22.2', '24.14.1', '25.8.2'],
    unfixed: [21, 23]
  },
  {
    id: 'CVE-2025-23085',
    impact: 'leak memory by closing connections without GOAWAY',
    concerns: 'http2',
    fixed: ['20.18.2', '22.13.1', '23.6.1'],
    unfixed: [21]
  },
  {
    id: 'CVE-2026-48619',
    impact: 'exhaust the memory of a client with ORIGIN frames',
    concerns: 'client',
    fixed: ['22.23.0', '24.17.0', '26.3.1'],
    unfixed: UNSUPPORTED
  }
]

/**
 * Returns the vulnerabilities of a version of Node.js, the worst first. A prerelease, and a version that is newer than
 * the table, have none.
 *
 * @param version such as `process.versions.node`
 */
export function vulnerabilitiesOf (version: string): Vulnerability[] {
  if (!/^\d+\.\d+\.\d+$/.test(version)) return []
  const line = lineOf(version)
  const lastRelease = LAST_RELEASES.get(line)
  return VULNERABILITIES.filter(({ fixed, unfixed }) => {
    const fix = fixed.find((each) => lineOf(each) === line)
    if (fix !== undefined) return isBefore(version, fix)
    return unfixed.includes(line) && lastRelease !== undefined && !isBefore(lastRelease, version)
  })
}

/**
 * Logs a warning if peers can attack a server through a vulnerability of the running Node.js, once in a process.
 *
 * @param versions of the runtime. Bun and Deno also have the version of Node.js that they imitate, but not its faults
 */
export function warnOfNodeVersion (
  server: Server, log: FastifyBaseLogger, { node: version, bun, deno }: RuntimeVersions = process.versions
): void {
  if (bun !== undefined || deno !== undefined) return
  const found = vulnerabilitiesOf(version).filter(({ concerns }) => isConcerned(server, concerns))
  const [worst, ...others] = found
  // Several copies of the package in a process warn once.
  if (worst === undefined || Reflect.get(globalThis, kWarnedOfNodeVersion) === true) return
  Reflect.set(globalThis, kWarnedOfNodeVersion, true)

  const more = others.length > 0 ? `, and has ${others.map(({ id }) => id).join(', ')}` : ''
  log.warn(
    `Node.js ${version} has a vulnerability with which a peer can ${worst.impact} (${worst.id})${more}. ` +
    `${adviceFor(version, found)}. "nodeVersionWarning: false" disables this warning`
  )
}

/** Returns whether a server speaks the protocol of a vulnerability. Both methods exist on such servers only. */
function isConcerned (server: Server, concerns: Vulnerability['concerns']): boolean {
  if (concerns === 'http2') return 'updateSettings' in server
  return concerns === 'tls' && 'setSecureContext' in server
}

function adviceFor (version: string, found: Vulnerability[]): string {
  const line = lineOf(version)
  if (!LAST_RELEASES.has(line)) return `Use Node.js ${firstFixed(line, found)} or later`
  const releases = SUGGESTED_LINES.map((suggested) => firstFixed(suggested, VULNERABILITIES))
  return `Node.js ${line} is end-of-life and has no release without it: use Node.js ${releases.join(' or ')}, or later`
}

/** Returns the first version of a line that has the fixes of all vulnerabilities. */
function firstFixed (line: number, vulnerabilities: readonly Vulnerability[]): string {
  const versions = vulnerabilities.flatMap(({ fixed }) => fixed.filter((version) => lineOf(version) === line))
  return versions.reduce((first, version) => isBefore(first, version) ? version : first)
}

function lineOf (version: string): number {
  return Number.parseInt(version)
}

function isBefore (version: string, other: string): boolean {
  return version.localeCompare(other, 'en', { numeric: true }) < 0
}
