import type { BroadcastOptions, MessageOptions, PublishOptions } from '../../types/index.ts'
import { omitNullish } from './table.ts'
import type { Table } from './table.ts'
import { BOOLEAN, FUNCTION, OBJECT, STRING, validate, validateStrict } from './validate.ts'

/** Options of `prepare()`. */
export const MESSAGE_OPTIONS = {
  // By the type of the data, as in ws.
  binary: { ...BOOLEAN, default: undefined },
  // As the socket has negotiated it.
  compress: { ...BOOLEAN, default: undefined }
} satisfies Table<MessageOptions>

/** Options of `publish()`. */
export const PUBLISH_OPTIONS = {
  ...MESSAGE_OPTIONS,
  except: { expected: 'a socket or an iterable of sockets', isValid: isSocketOrIterable, default: undefined }
} satisfies Table<PublishOptions>

/** Options of `broadcast()`. */
export const BROADCAST_OPTIONS = {
  ...PUBLISH_OPTIONS,
  route: { ...STRING, default: undefined },
  filter: { ...FUNCTION, default: undefined }
} satisfies Table<BroadcastOptions>

/**
 * Validates the options of `prepare()`, `publish()` or `broadcast()`, and returns those that are not omitted.
 *
 * @param method its name, for the error
 * @throws FST_WS_INVALID_OPTION
 */
export function readMethodOptions<Options extends object> (
  options: Options | null | undefined, method: string, table: Table<Options>
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  if (options == null) return {}
  validate({ options }, { options: OBJECT }, (name) => `"${name}" of ${method}()`)
  validateStrict(options, table as never, (name) => `"${name}" of ${method}()`)
  return omitNullish(options)
}

function isSocketOrIterable (value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || 'readyState' in value)
}
