import { readFileSync } from 'node:fs'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { unescape } from 'node:querystring'
import { parseArgs } from 'node:util'
import { didYouMean } from '../options/did-you-mean.ts'
import { COMMAND } from './help.ts'
import { DEFAULT_TIMEOUT, PROBE_OPTIONS } from './options.ts'
import type { HttpVersion, ProbeRequest } from './result.ts'

/** Error of the arguments. */
export class UsageError extends Error {}

/** What the arguments request. */
export type Command =
  | { name: 'help' | 'version' }
  | { name: 'probe', request: ProbeRequest, json: boolean }

const COMMANDS = ['probe']
const NAMES = Object.keys(PROBE_OPTIONS).map((name) => `--${name}`)
const MAX_TIMEOUT = 2 ** 31 - 1
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/**
 * Reads the arguments of the command.
 *
 * @throws UsageError if they are invalid
 */
export function readArguments (args: string[]): Command {
  checkNames(args)
  const { values, positionals: [command, url, ...others] } = parse(args)
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  checkCommand(command)
  if (url === undefined) throw new UsageError('the URL is missing')
  if (others.length > 0) throw new UsageError(`one URL at a time, got also "${others[0]}": quote arguments with spaces`)

  const { headers, url: parsed } = readUrl(url)
  return {
    name: 'probe',
    json: values.json === true,
    request: {
      url: parsed,
      http: readVersion(values.http),
      headers: { ...headers, ...readHeaders(values.header ?? []) },
      origin: readOrigin(values.origin),
      protocols: readProtocols(values.protocol ?? []),
      send: values.send,
      insecure: values.insecure === true,
      ca: readCa(values.ca),
      timeout: readTimeout(values.timeout)
    }
  }
}

/** Reports the first unknown option. The error of Node does not have its name, or a suggestion. */
function checkNames (args: string[]): void {
  const { tokens } = parseArgs({ args, options: PROBE_OPTIONS, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option' || token.name in PROBE_OPTIONS) continue
    throw new UsageError(`unknown option "${token.rawName}"${didYouMean(token.rawName, NAMES)}`)
  }
}

function parse (args: string[]) {
  try {
    return parseArgs({ args, options: PROBE_OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\s*\n\s*/g, ' '))
  }
}

function checkCommand (command: string | undefined): void {
  if (command === undefined) throw new UsageError('the command is missing')
  if (COMMANDS.includes(command)) return
  if (command.includes('://')) throw new UsageError(`the command is missing: ${COMMAND} probe ${command}`)
  throw new UsageError(`unknown command "${command}"${didYouMean(command, COMMANDS)}`)
}

/** Reads the URL. Its user and password become a header field, so that they are not printed. */
function readUrl (text: string): { url: URL, headers: Record<string, string> } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^(?:wss?|https?):$/.test(url.protocol)) {
    throw new UsageError(`the URL must begin with "wss://" or "ws://", got "${text}"`)
  }
  url.protocol = url.protocol.replace('http', 'ws')
  if (url.hash !== '') throw new UsageError(`the URL of a WebSocket has no fragment ("${url.hash}")`)
  const { username, password } = url
  if (username === '' && password === '') return { url, headers: {} }
  url.username = url.password = ''
  const credentials = `${unescape(username)}:${unescape(password)}`
  return { url, headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } }
}

function readVersion (http: string | undefined): HttpVersion | undefined {
  if (http === undefined || http === '1.1' || http === '2') return http
  throw new UsageError(`--http must be 1.1 or 2, got "${http}"`)
}

function readHeaders (fields: string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null)
  for (const field of fields) {
    const [, name = '', value = ''] = field.match(/^([^:]*):[\t ]*([^]*?)[\t ]*$/) ?? []
    if (name === '') throw new UsageError(`--header must be "NAME: VALUE", got "${field}"`)
    checkField('header', name.toLowerCase(), value)
    const existing = headers[name.toLowerCase()]
    headers[name.toLowerCase()] = existing === undefined ? value : [existing, value].flat()
  }
  return headers
}

function readOrigin (origin: string | undefined): string | undefined {
  if (origin !== undefined) checkField('origin', 'origin', origin)
  return origin
}

function checkField (option: string, name: string, value: string): void {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch {
    throw new UsageError(`--${option}: "${name}: ${value}" has a character that HTTP does not allow in a header field`)
  }
}

function readProtocols (protocols: string[]): string[] {
  for (const [index, protocol] of protocols.entries()) {
    if (!TOKEN.test(protocol)) throw new UsageError(`--protocol must be a name without spaces and separators, got "${protocol}"`)
    if (protocols.indexOf(protocol) < index) throw new UsageError(`--protocol "${protocol}" is there twice`)
  }
  return protocols
}

function readCa (file: string | undefined): Buffer | undefined {
  if (file === undefined) return undefined
  let ca
  try {
    ca = readFileSync(file)
  } catch (error) {
    throw new UsageError(`--ca: ${(error as Error).message}`)
  }
  if (ca.includes('-----BEGIN CERTIFICATE-----')) return ca
  throw new UsageError(`--ca must be a file with certificates in PEM, and "${file}" has none`)
}

function readTimeout (timeout: string | undefined): number {
  if (timeout === undefined) return DEFAULT_TIMEOUT
  const value = Number(timeout)
  if (/^\d+$/.test(timeout) && value >= 1 && value <= MAX_TIMEOUT) return value
  throw new UsageError(`--timeout must be a number of milliseconds, got "${timeout}"`)
}
