// Hooks of Node's module loader that compile TypeScript. Compiled files are kept in .cache, by a hash of their source.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../', import.meta.url)
const CACHE = new URL('.cache/type-stripping/', ROOT)
const SOURCES = ['lib', 'test', 'types']

export async function load (url, context, nextLoad) {
  if (!url.startsWith('file:') || !/\.ts($|\?)/.test(url)) return nextLoad(url, context)

  const file = fileURLToPath(url)
  const compiled = cacheOf(file)
  if (!existsSync(compiled)) await compile(file)
  return { format: 'module', source: readFileSync(compiled, 'utf8'), shortCircuit: true }
}

/** Returns the file of the cache that a source belongs to. */
function cacheOf (file) {
  const hash = createHash('sha256').update(file).update(readFileSync(file)).digest('hex')
  return new URL(`${hash}.js`, CACHE)
}

/** Compiles a file, and all others that are not in the cache: it takes long to load the compiler. */
async function compile (file) {
  const { default: typescript } = await import('typescript')
  const compilerOptions = { target: 'es2023', module: 'esnext', verbatimModuleSyntax: true, inlineSourceMap: true }
  mkdirSync(CACHE, { recursive: true })

  for (const each of [file, ...listSources()]) {
    const compiled = cacheOf(each)
    if (existsSync(compiled)) continue
    const { outputText } = typescript.transpileModule(readFileSync(each, 'utf8'), {
      fileName: basename(each), compilerOptions
    })
    // Renamed when it is complete, because other test files may run at the same time.
    const partial = new URL(`${compiled.href}.${process.pid}`)
    writeFileSync(partial, outputText)
    renameSync(partial, compiled)
  }
}

function listSources () {
  return SOURCES.flatMap((name) => readdirSync(new URL(name, ROOT), { recursive: true })
    .filter((path) => /(?<!\.d)\.ts$/.test(path) && !path.includes('node_modules'))
    .map((path) => fileURLToPath(new URL(`${name}/${path}`, ROOT))))
}
