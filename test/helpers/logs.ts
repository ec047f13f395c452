import { kWarnedOfNodeVersion } from '../../lib/symbols.ts'

/** Levels of pino, which is Fastify's logger. */
export const DEBUG = 20
export const INFO = 30
export const WARN = 40
export const ERROR = 50

// The tests run on versions of Node that are vulnerable, too. test/unit/node-versions.test.ts tests the warning.
Reflect.set(globalThis, kWarnedOfNodeVersion, true)

export interface LogLine {
  level: number
  msg: string
  err?: { message: string, code?: string }
}

/** Returns the option `logger` of a Fastify server, and its lines of this level and above as they are logged. */
export function captureLogs (level: 'debug' | 'info' | 'warn'): { logger: object, logs: LogLine[] } {
  const logs: LogLine[] = []
  return { logger: { level, stream: { write (line: string) { logs.push(JSON.parse(line)) } } }, logs }
}

/** Returns the lines that report an error of the server. */
export function errorsIn (logs: LogLine[]): LogLine[] {
  return logs.filter(({ level }) => level >= ERROR)
}

/** Returns the lines that have an error, on whatever level. */
export function linesWithError (logs: LogLine[]): LogLine[] {
  return logs.filter(({ err }) => err !== undefined)
}
