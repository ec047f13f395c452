/** Compares what a text says of a default with the value that the code has. */
import fastify from 'fastify'
import websocket from '../../index.ts'

/** Numbers with a unit, and literals in backticks or quotes. */
const VALUE = /(?<![\w.'])(\d+(?:\.\d+)?)(?: (KiB|MiB|ms|s)\b)?(?![\w'])|`?(true|false|Infinity|'[^'`]+')`?/g

const UNITS: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, ms: 1, s: 1000 }

/** Returns the values in a text, as it writes them: `16 MiB`, `true`, `'close'`. */
export function statedValues (text: string): string[] {
  return [...text.matchAll(VALUE)].map(([, number, unit, literal]) => literal ?? [number, unit].filter(Boolean).join(' '))
}

/** Formats a default of the code in the units that a text uses: 65535 is 64 KiB. */
export function toStated (value: unknown, stated: string[]): string[] {
  return [value].flat().filter(isStated).map((part, index) => {
    const unit = stated[index]?.split(' ')[1]
    if (typeof part === 'string') return `'${part}'`
    return unit === undefined ? String(part) : `${Math.round(Number(part) / UNITS[unit]!)} ${unit}`
  })
}

/** Returns whether a text can state a value: not an absent one, an empty string or a function. */
function isStated (value: unknown): boolean {
  return value != null && value !== '' && typeof value !== 'function'
}

/** Returns the options of ws after `register(websocket)`. */
export async function readWsDefaults (): Promise<Record<string, unknown>> {
  const app = fastify()
  await app.register(websocket)
  const { options } = app.websocketServer
  await app.close()
  return options as Record<string, unknown>
}
