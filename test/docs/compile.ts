import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { ROOT, read } from './pages.ts'

/** A file of code that exists in memory alone. */
export interface Source {
  /** File name, whose extension says which language and kind of module it is. */
  name: string
  text: string
  /** Position of the first character that a reader sees. */
  offset: number
}

/**
 * Errors that JavaScript has only because it declares no types: implicit `any`, and properties of an `unknown` such as
 * `request.params`.
 */
const UNTYPED = [2571, 7005, 7006, 7019, 7031, 7034, 7053, 18046]

/**
 * A source that declares topics, or properties of requests, does so for all files that are compiled with it. What it
 * declares for another package, such as the user of @fastify/jwt, is needed by the other blocks of its page.
 */
const AUGMENTS = /^declare module 'fastify/m

const root = fileURLToPath(ROOT)
const directory = `${root}test/docs/`

/**
 * Checks the types of sources, which see the package under its name, and writes them, the package and `ports.ts` to a
 * directory as JavaScript. Returns the mistakes in each source, by its name.
 */
export function compile (sources: Source[], out: string): Map<string, string[]> {
  const options: ts.CompilerOptions = {
    ...readOptions(),
    allowJs: true,
    checkJs: true,
    declaration: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    outDir: out,
    paths: readPaths()
  }
  const alone = sources.filter(({ text }) => AUGMENTS.test(text)).map((source) => [source])
  const programs = [sources.filter(({ text }) => !AUGMENTS.test(text)), ...alone]
  const parsed = new Map<string, ts.SourceFile | undefined>()
  return new Map(programs.flatMap((each) => compileProgram(each, options, parsed)))
}

/** @param parsed files of the package and its dependencies, which all programs share */
function compileProgram (
  sources: Source[], options: ts.CompilerOptions, parsed: Map<string, ts.SourceFile | undefined>
): Array<[name: string, mistakes: string[]]> {
  const files = new Map(sources.map((source) => [directory + source.name, source]))
  const names = [`${root}index.ts`, `${directory}ports.ts`, ...files.keys()]
  const program = ts.createProgram(names, options, createHost(options, files, parsed))

  const mistakes = [...files].map(([path, { name, offset }]): [string, string[]] => {
    const file = program.getSourceFile(path)!
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    const seen = found.filter(({ code, start = 0 }) => start >= offset && (isTyped(name) || !UNTYPED.includes(code)))
    return [name, seen.map(describe)]
  })
  if (sources.length > 1) program.emit()
  else for (const path of files.keys()) program.emit(program.getSourceFile(path))
  return mistakes
}

function isTyped (name: string): boolean {
  return name.endsWith('ts')
}

function readOptions (): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  return ts.parseJsonConfigFileContent({ ...config, include: ['index.ts'] }, ts.sys, root).options
}

/** Returns the source file of each entry point that package.json exports. */
function readPaths (): Record<string, string[]> {
  const { name, exports } = JSON.parse(read('package.json')) as {
    name: string, exports: Record<string, string | { types: string }>
  }
  return Object.fromEntries(Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return []
    return [[name + path.slice(1), [target.types.replace(/^\.\/dist\//, root).replace(/\.d\.ts$/, '.ts')]]]
  }))
}

function createHost (
  options: ts.CompilerOptions, files: Map<string, Source>, parsed: Map<string, ts.SourceFile | undefined>
): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  return Object.assign(host, {
    fileExists: (path: string) => files.has(path) || fileExists(path),
    readFile: (path: string) => files.get(path)?.text ?? readFile(path),
    getSourceFile (path: string, version: ts.ScriptTarget | ts.CreateSourceFileOptions) {
      const source = files.get(path)
      if (source !== undefined) return ts.createSourceFile(path, source.text, version)
      if (!parsed.has(path)) parsed.set(path, getSourceFile(path, version))
      return parsed.get(path)
    }
  })
}

function describe ({ file, start = 0, messageText }: ts.Diagnostic): string {
  const line = file!.text.slice(file!.text.lastIndexOf('\n', start - 1) + 1).split('\n', 1)[0]!
  return `${ts.flattenDiagnosticMessageText(messageText, '\n')} in: ${line.trim()}`
}
