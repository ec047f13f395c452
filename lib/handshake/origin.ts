import type { FastifyRequest } from 'fastify'
import type { OriginFunction, OriginOption, OriginRule } from '../../types/index.ts'
import { toError } from '../error-handling.ts'
import { FST_WS_ORIGIN_NOT_ALLOWED } from '../errors.ts'
import { formatOrigin, isHttp, parseOrigin } from '../options/origin.ts'
import type { Origin } from '../options/origin.ts'

/** Function that returns the error of a handshake from an origin that is not allowed. */
export type OriginCheck = (request: FastifyRequest) => Error | undefined | Promise<Error | undefined>

/** Schemes of pages, by the scheme that a connection or a proxy has. Traefik sends ws or wss in X-Forwarded-Proto. */
const SCHEMES = new Map([['http', 'http'], ['https', 'https'], ['ws', 'http'], ['wss', 'https']])

/** Fields of a proxy, which may have received the request without TLS, and sent it over TLS. */
const PROXY_FIELDS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-proto']

/** Rule with its strings parsed, and without the state of a global RegExp. */
type Rule = 'same' | Origin | RegExp

/**
 * Creates the check of a route's handshakes (RFC 6455 section 10.2). A browser sends the page's origin with every
 * handshake, so a handshake without one is not checked.
 *
 * @returns undefined if every origin is allowed
 */
export function createOriginCheck (option: OriginOption): OriginCheck | undefined {
  if (option === false) return undefined
  const check = typeof option === 'function' ? askFunction(option) : compareWith([option].flat() as OriginRule[])
  return (request) => {
    const { origin } = request.headers
    return origin === undefined ? undefined : check(origin, request)
  }
}

function askFunction (isAllowed: OriginFunction) {
  return async (origin: string, request: FastifyRequest): Promise<Error | undefined> => {
    if (origin !== 'null' && parseOrigin(origin) === undefined) return refuse(origin, 'it is malformed')
    try {
      return await isAllowed(origin, request) ? undefined : refuse(origin, 'the function of the option did not allow it')
    } catch (error) {
      return toError(error, 'the function of the option "origin"')
    }
  }
}

function compareWith (rules: OriginRule[]) {
  const parsed = rules.map(parseRule)
  return (text: string, request: FastifyRequest): Error | undefined => {
    const origin = parseOrigin(text)
    if (origin !== undefined && parsed.some((rule) => isMatch(rule, origin, request))) return undefined
    const comparedWith = parsed.map((rule) => rule === 'same' ? describeTarget(request) : 'the origins of the option')
    return refuse(text, `it was compared with ${[...new Set(comparedWith)].join(' and ')}`)
  }
}

function parseRule (rule: OriginRule): Rule {
  // The flags g and y make the result of test() depend on the call before it.
  if (rule instanceof RegExp) return new RegExp(rule.source, rule.flags.replace(/[gy]/g, ''))
  return parseOrigin(rule) ?? 'same'
}

function isMatch (rule: Rule, origin: Origin, request: FastifyRequest): boolean {
  if (rule === 'same') return isSameOrigin(origin, request)
  if (rule instanceof RegExp) return rule.test(formatOrigin(origin))
  return rule.scheme === origin.scheme && rule.host === origin.host
}

/**
 * Compares the host and port. The scheme is compared only if it is known: behind a proxy that terminates TLS, the
 * connection does not show that the page came over TLS.
 */
function isSameOrigin (origin: Origin, request: FastifyRequest): boolean {
  if (!isHttp(origin.scheme) || origin.scheme !== (readScheme(request) ?? origin.scheme)) return false
  // The scheme decides which port is the default.
  return parseOrigin(`${origin.scheme}://${request.host}`)?.host === origin.host
}

/**
 * Returns the scheme of the page that a request belongs to, if it is known: from a proxy that Fastify's `trustProxy`
 * allows, or from our own TLS. A page cannot add the fields of a proxy to its handshakes.
 */
function readScheme ({ headers, ips, protocol }: FastifyRequest): string | undefined {
  const scheme = SCHEMES.get(protocol)
  // Without trustProxy there are no `ips`. A value that Fastify ignores differs from the protocol of the connection.
  const forwarded = ips && String(headers['x-forwarded-proto']).split(',').at(-1)!.trim()
  if (protocol === forwarded) return scheme
  return scheme === 'https' && !PROXY_FIELDS.some((name) => name in headers) ? scheme : undefined
}

/** Returns the origin of a request in the words of an error. */
function describeTarget (request: FastifyRequest): string {
  const scheme = readScheme(request)
  return scheme === undefined ? `the host "${request.host}"` : `"${scheme}://${request.host}"`
}

function refuse (origin: string, reason: string): Error {
  return new FST_WS_ORIGIN_NOT_ALLOWED(origin, reason)
}
