import { types } from 'node:util'
import { FST_WS_INVALID_OPTION } from '../errors.ts'

/** What an option must be, in words and as a function. */
export type Validator = [expected: string, holds: (value: unknown) => boolean]

export type Validators = Readonly<Record<string, Validator>>

/** An option's name as its user knows it. */
export type FormatName = (name: string) => string

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

export const BOOLEAN: Validator = ['a boolean', (value) => typeof value === 'boolean']
export const FUNCTION: Validator = ['a function', isFunction]
export const OBJECT: Validator = ['an object', isObject]
export const BOOLEAN_OR_OBJECT: Validator = [
  'a boolean or an object', (value) => typeof value === 'boolean' || isObject(value)
]
export const STRING: Validator = ['a string', (value) => typeof value === 'string']
export const COUNT: Validator = ['an integer of at least 0', isCount]
export const BYTES: Validator = ['an integer of at least 0 (bytes)', isCount]
export const BYTES_OR_INFINITY: Validator = [
  'an integer of at least 0 (bytes), or Infinity', (value) => isCount(value) || value === Infinity
]
export const MILLISECONDS: Validator = ['an integer from 0 to 2147483647 (ms)', isBetween(0, 2 ** 31 - 1)]

/**
 * Holds options against what they must be. One that is undefined or null is not given.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function validate (options: object | undefined, checks: Validators, toName: FormatName = quote): void {
  for (const [name, value] of Object.entries(options ?? {})) {
    const [expected, holds] = checks[name] ?? []
    if (value == null || holds === undefined || holds(value)) continue
    throw new FST_WS_INVALID_OPTION(toName(name), expected!, describe(value))
  }
}

/**
 * The same, where there is no option but these: a misspelt one must not be passed over.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function validateStrict (options: object | undefined, checks: Validators, toName: FormatName = quote): void {
  validate(options, checks, toName)
  const [unknown] = unknownNames(options, checks)
  if (unknown === undefined) return
  throw new FST_WS_INVALID_OPTION(
    toName(unknown), `one of ${Object.keys(checks).join(', ')}`, `an option "${unknown}"`
  )
}

export function unknownNames (options: object | undefined, checks: Validators): string[] {
  return Object.keys(options ?? {}).filter((name) => !(name in checks))
}

export function isBetween (least: number, most: number): (value: unknown) => boolean {
  return (value) => isCount(value) && Number(value) >= least && Number(value) <= most
}

export function isFunction (value: unknown): boolean {
  return typeof value === 'function'
}

export function isSyncFunction (value: unknown): boolean {
  return isFunction(value) && !types.isAsyncFunction(value)
}

/** Whether something is a token (RFC 9110 section 5.6.2), as a subprotocol has to be (RFC 6455 section 4.1). */
export function isToken (value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}

export function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isPromise (value: unknown): value is Promise<unknown> {
  return isObject(value) && 'then' in value && isFunction(value.then)
}

function isCount (value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function quote (name: string): string {
  return `"${name}"`
}

/** A value as an error message has it. */
export function describe (value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (types.isAsyncFunction(value)) return 'an async function'
  return typeof value === 'number' ? String(value) : typeof value
}

/** Returns the properties that are neither null nor undefined. */
export function omitNullish<Values extends object> (
  values: Values
): { [Name in keyof Values]?: NonNullable<Values[Name]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value != null)) as Values
}
