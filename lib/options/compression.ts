import { createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { PerMessageDeflateOptions } from 'ws'
import type { Check, Checks } from './table.ts'
import { BOOLEAN, BYTES, POSITIVE_COUNT_OR_INFINITY, isBetween, isObject, validateStrict } from './validate.ts'
import type { FormatName } from './validate.ts'

const WINDOW_BITS: Check = {
  expected: 'an integer from 8 to 15, or a boolean',
  isValid: (value) => typeof value === 'boolean' || isBetween(8, 15)(value)
}

/** Options of `perMessageDeflate`. Their defaults are those of ws, which completes them itself. */
const COMPRESSION_OPTIONS = {
  clientMaxWindowBits: WINDOW_BITS,
  clientNoContextTakeover: BOOLEAN,
  concurrencyLimit: POSITIVE_COUNT_OR_INFINITY,
  serverMaxWindowBits: WINDOW_BITS,
  serverNoContextTakeover: BOOLEAN,
  threshold: BYTES,
  zlibDeflateOptions: {
    expected: 'options of zlib.createDeflateRaw()',
    isValid: (value) => isObject(value) && succeeds(() => createDeflateRaw(value).close())
  },
  zlibInflateOptions: {
    expected: 'options of zlib.createInflateRaw()',
    isValid: (value) => isObject(value) && succeeds(() => createInflateRaw(value).close())
  }
} satisfies Checks & Record<keyof PerMessageDeflateOptions, Check>

/**
 * Validates the value of `perMessageDeflate`. ws does not: an invalid option of zlib would throw when the first message
 * is compressed.
 *
 * @throws FST_WS_INVALID_OPTION
 */
export function validateCompression (value: unknown, formatName: FormatName): void {
  if (isObject(value)) validateStrict(value, COMPRESSION_OPTIONS, formatName)
}

function succeeds (create: () => void): boolean {
  try {
    create()
    return true
  } catch {
    return false
  }
}
