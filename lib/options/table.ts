/** Check of one value. */
export interface Check {
  /** Words of the error, after "must be". */
  readonly expected: string
  readonly isValid: (value: unknown) => boolean
}

/** Checks of several values, by their names. */
export type Checks = Readonly<Record<string, Check>>

/** Option, as a row of a table of options. */
export interface Row<Value = unknown> extends Check {
  /** The value of an option that is omitted. Undefined where the code that uses the option decides. */
  readonly default: Value | undefined
  /** Set where a route may have the option for itself. */
  readonly perRoute?: true
}

/** Rows of any table. */
export type Rows = Readonly<Record<string, Row>>

/** A table with one row for each option of a public type. */
export type Table<Options> = { readonly [Name in keyof Options]-?: Row<NonNullable<Options[Name]>> }

/** The options of a table, complete: each is the value of the user, or else the default of its row. */
export type Complete<Options, OfRows extends Rows> = {
  [Name in keyof OfRows & keyof Options]: NonNullable<Options[Name]> | OfRows[Name]['default']
}

/** The rows of a table that a route may have. */
export type PerRoute<OfRows extends Rows> = {
  [Name in keyof OfRows as OfRows[Name] extends { perRoute: true } ? Name : never]: OfRows[Name]
}

/** Returns the rows of a table that a route may have. */
export function perRoute<OfRows extends Rows> (rows: OfRows): PerRoute<OfRows> {
  return Object.fromEntries(Object.entries(rows).filter(([, row]) => row.perRoute)) as PerRoute<OfRows>
}

/**
 * Returns a value for each row: that of the options, else that of `inherited`, else the default. Null and undefined
 * count as omitted.
 *
 * @param inherited complete options, such as those of the plugin for a route
 */
export function complete<Options extends object, OfRows extends Rows> (
  options: Options | null | undefined, rows: OfRows, inherited: object = {}
): Complete<Options, OfRows> {
  return Object.fromEntries(Object.entries(rows).map(([name, row]) => {
    return [name, valueOf(options, name) ?? valueOf(inherited, name) ?? row.default]
  })) as Complete<Options, OfRows>
}

/** Returns the options that a table has, without those that are omitted. */
export function pick<Options extends object, OfRows extends Rows> (
  options: Options, rows: OfRows
): { [Name in keyof OfRows & keyof Options]?: NonNullable<Options[Name]> } {
  return omitNullish(Object.fromEntries(Object.keys(rows).map((name) => [name, valueOf(options, name)]))) as Options
}

/** Returns the options that a table does not have, without those that are omitted. */
export function omit (options: object, rows: Rows): object {
  return Object.fromEntries(unknownNames(options, rows).map((name) => [name, valueOf(options, name)]))
}

/** Returns the value of an option, own or inherited. */
export function valueOf (options: object | null | undefined, name: string): unknown {
  return (options as Record<string, unknown> | null | undefined)?.[name]
}

/** Returns the names of the options that a table does not have, without those that are omitted. */
export function unknownNames (options: object | null | undefined, checks: Checks): string[] {
  return Object.keys(omitNullish(options ?? {})).filter((name) => !Object.hasOwn(checks, name))
}

/** Returns the properties that are neither null nor undefined. */
export function omitNullish<Values extends object> (
  values: Values
): { [Name in keyof Values]?: NonNullable<Values[Name]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value != null)) as Values
}
