import { readFileSync } from 'node:fs'

const ROOT = new URL('../../', import.meta.url)
const { name, exports } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))

/** The source of each entry point, by the name that a program imports. */
const SOURCES = new Map(Object.entries(exports).filter(([, { types }]) => types !== undefined).map(([path, { types }]) => {
  return [name + path.slice(1), new URL(types.replace(/^\.\/dist\//, './').replace(/\.d\.ts$/, '.ts'), ROOT).href]
}))

/** A hook of Node's module loader. */
export function resolve (specifier, context, nextResolve) {
  return nextResolve(SOURCES.get(specifier) ?? specifier, context)
}
