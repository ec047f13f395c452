import type { Check } from './table.ts'
import { FUNCTION } from './validate.ts'

/** Origin of a page (RFC 6454 section 4), in a form that can be compared. */
export interface Origin {
  /** In lower case. */
  scheme: string
  /** Host and port, as the URL standard serializes them. The default port of the scheme is omitted. */
  host: string
}

// RFC 6454 section 7, as browsers send it for extensions and local files too. Lists, user names and paths do not match.
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^\s,/\\?#@]*)$/i

/** Longest origin, in characters. That of a page has less than 300. A long one could make a RegExp slow. */
const MAX_LENGTH = 512

/** Check of the option `origin`. */
export const ORIGIN_OPTION: Check = {
  expected: '"same", false, an origin such as "https://example.com", a RegExp, an array of these, or a function',
  isValid: (value) => value === false || FUNCTION.isValid(value) || isRule(value) || isList(value)
}

/** Parses the value of an Origin field. Returns undefined if it is malformed, or `null` (RFC 6454 section 7.3). */
export function parseOrigin (text: string): Origin | undefined {
  const match = text.length <= MAX_LENGTH ? ORIGIN.exec(text) : null
  if (match === null) return undefined
  const [scheme, authority] = match.slice(1).map((part) => part.toLowerCase()) as [string, string]
  if (!isHttp(scheme)) return { scheme, host: authority }
  try {
    return { scheme, host: new URL(`${scheme}://${authority}`).host }
  } catch {
    return undefined
  }
}

/** Formats an origin as browsers send it. */
export function formatOrigin ({ scheme, host }: Origin): string {
  return `${scheme}://${host}`
}

function isList (value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isRule)
}

function isRule (value: unknown): boolean {
  return value === 'same' || value instanceof RegExp || (typeof value === 'string' && parseOrigin(value) !== undefined)
}

/** Returns whether a scheme is that of pages that a web server serves. */
export function isHttp (scheme: string): boolean {
  return scheme === 'http' || scheme === 'https'
}
