import { types } from 'node:util'
import { FST_WS_INVALID_OPTION } from '../errors.ts'
import { didYouMean } from './did-you-mean.ts'
import { unknownNames, valueOf } from './table.ts'
import type { Check, Checks } from './table.ts'

/** Returns an option's name as the user knows it. */
export type FormatName = (name: string) => string

/** Longest time of a timer of Node, in ms. */
export const MAX_TIMEOUT = 2 ** 31 - 1

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Check for a value that is not used here, or that others validate. */
export const ANY: Check = { expected: 'any value', isValid: () => true }
/** Check for a boolean. */
export const BOOLEAN: Check = { expected: 'a boolean', isValid: isBoolean }
/** Check for a function. */
export const FUNCTION: Check = { expected: 'a function', isValid: isFunction }
/** Check for an object. */
export const OBJECT: Check = { expected: 'an object', isValid: isObject }
/** Check for a boolean or an object. */
export const BOOLEAN_OR_OBJECT: Check = {
  expected: 'a boolean or an object',
  isValid: (value) => isBoolean(value) || isObject(value)
}
/** Check for a string. */
export const STRING: Check = { expected: 'a string', isValid: (value) => typeof value === 'string' }
/** Check for a count. */
export const COUNT: Check = { expected: 'an integer of at least 0', isValid: isCount }
/** Check for a count of at least 1, or no limit. */
export const POSITIVE_COUNT_OR_INFINITY: Check = {
  expected: 'an integer of at least 1, or Infinity',
  isValid: (value) => value === Infinity || isBetween(1, Infinity)(value)
}
/** Check for a number of bytes. */
export const BYTES: Check = { expected: 'an integer of at least 0 (bytes)', isValid: isCount }
/** Check for a number of bytes, or no limit. */
export const BYTES_OR_INFINITY: Check = {
  expected: 'an integer of at least 0 (bytes), or Infinity',
  isValid: (value) => isCount(value) || value === Infinity
}
/** Check for a time, which may be 0. */
export const MILLISECONDS: Check = {
  expected: `an integer from 0 to ${MAX_TIMEOUT} (ms)`,
  isValid: isBetween(0, MAX_TIMEOUT)
}
/** Check for a time, which may be 0, or no limit. */
export const MILLISECONDS_OR_INFINITY: Check = {
  expected: `${MILLISECONDS.expected}, or Infinity`,
  isValid: (value) => value === Infinity || MILLISECONDS.isValid(value)
}
/** Check for a time. */
export const POSITIVE_MILLISECONDS: Check = {
  expected: `an integer from 1 to ${MAX_TIMEOUT} (ms)`,
  isValid: isBetween(1, MAX_TIMEOUT)
}

/**
 * Validates the options that a table has, and ignores others. Null and undefined count as omitted.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function validate (options: object | null | undefined, checks: Checks, formatName: FormatName = quote): void {
  for (const [name, { expected, isValid }] of Object.entries(checks)) {
    const value = valueOf(options, name)
    if (value == null || isValid(value)) continue
    throw new FST_WS_INVALID_OPTION(formatName(name), expected, describe(value))
  }
}

/** The words of the error of an unknown option. */
export interface KnownNames {
  /** The known names, after "must be". Default: the names of the table. */
  expected?: string
  /** Names to suggest, with the path to those of other levels. Default: the names of the table. */
  suggested?: readonly string[]
}

/**
 * Validates the options that a table has, and refuses others. Null and undefined count as omitted.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function validateStrict (
  options: object | null | undefined, checks: Checks, formatName: FormatName = quote, known: KnownNames = {}
): void {
  validate(options, checks, formatName)
  const [unknown] = unknownNames(options, checks)
  if (unknown === undefined) return
  const names = Object.keys(checks)
  const { expected = `one of ${names.join(', ')}`, suggested = names } = known
  throw new FST_WS_INVALID_OPTION(
    formatName(unknown), expected, `an option "${unknown}"${didYouMean(unknown, suggested)}`
  )
}

/** Returns a function that checks for an integer within limits. */
export function isBetween (least: number, most: number): (value: unknown) => boolean {
  return (value) => isCount(value) && Number(value) >= least && Number(value) <= most
}

/** Returns whether a value is a function without `async`. */
export function isSyncFunction (value: unknown): boolean {
  return isFunction(value) && !types.isAsyncFunction(value)
}

/** Returns whether a value is a token (RFC 9110 section 5.6.2), as a subprotocol is one (RFC 6455 section 4.1). */
export function isToken (value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}

/** Returns whether a value is an object, but not an array. */
export function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns whether a value has a method `then`. */
export function isPromise (value: unknown): value is Promise<unknown> {
  return isObject(value) && 'then' in value && isFunction(value.then)
}

/** Returns whether a value is an integer of at least 0. */
export function isCount (value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isBoolean (value: unknown): boolean {
  return typeof value === 'boolean'
}

function isFunction (value: unknown): boolean {
  return typeof value === 'function'
}

function quote (name: string): string {
  return `"${name}"`
}

/** Returns a value in the words of an error. */
export function describe (value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (types.isAsyncFunction(value)) return 'an async function'
  return typeof value === 'number' ? String(value) : typeof value
}
