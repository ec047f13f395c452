/** Finds the lines that the plugin logs, in its source. */
import ts from 'typescript'
import { list, read } from './pages.ts'

/** A line that the plugin logs. */
export interface LogLine {
  /** File and line of the call that logs it. */
  place: string
  /** Levels that it may have. */
  levels: string[]
  /** Message. A part that is not constant is `…`; undefined if it is that of an error. */
  message: string | undefined
  /** Names of the fields, if the call lists them. */
  fields: string[] | undefined
}

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'trace']

/** Parameters, by function or class, whose value is logged as a message. */
const PASSED_ON = new Map([
  ['logError', { message: 2, level: 'error' }],
  ['onDropped', { message: 0, level: 'warn' }],
  ['RefusalLog', { message: 2, level: 'warn' }],
  ['warn', { message: 0, level: 'warn' }]
])

/** Functions and classes whose calls log the message of a caller. */
const IMPLEMENTATIONS = ['logError', 'RefusalLog']

/** Returns the lines that index.ts and lib/ log. */
export function findLogLines (): LogLine[] {
  return ['index.ts', ...list('lib', '.ts')].flatMap(findIn)
}

function findIn (path: string): LogLine[] {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true)
  const lines: LogLine[] = []
  visit(file)
  return lines

  function visit (node: ts.Node): void {
    const isDeclaration = ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)
    if (isDeclaration && IMPLEMENTATIONS.includes(node.name!.text)) return
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) add(node)
    ts.forEachChild(node, visit)
  }

  function add (call: ts.CallExpression | ts.NewExpression): void {
    const values = [...call.arguments ?? []]
    const place = `${path}:${file.getLineAndCharacterOfPosition(call.getStart()).line + 1}`
    const levels = levelsOf(call.expression)
    if (levels !== undefined) {
      const fields = values.length > 1 || ts.isObjectLiteralExpression(values[0]!) ? fieldsOf(values[0]!) : []
      lines.push({ place, levels, message: textOf(values.at(-1)!, file), fields })
      return
    }
    const sink = PASSED_ON.get(nameOf(call.expression))
    if (sink === undefined) return
    const isError = nameOf(call.expression) === 'logError'
    const given = values[3]
    lines.push({
      place,
      levels: given === undefined ? [sink.level] : levelsIn(given, file),
      message: values[sink.message] === undefined ? undefined : textOf(values[sink.message]!, file),
      fields: isError ? ['err'] : undefined
    })
  }
}

/** Returns the levels of a call such as `log.warn` or `log[level]`; undefined if it is not a call of a logger. */
function levelsOf (callee: ts.Expression): string[] | undefined {
  if (ts.isPropertyAccessExpression(callee)) {
    return isLog(callee.expression) && LEVELS.includes(callee.name.text) ? [callee.name.text] : undefined
  }
  if (!ts.isElementAccessExpression(callee) || !isLog(callee.expression)) return undefined
  return levelsIn(callee.argumentExpression, callee.getSourceFile())
}

function isLog (expression: ts.Expression): boolean {
  return /^#?log(?:ger)?$/.test(nameOf(expression))
}

/** Returns the levels among the strings of an expression, or of the constant that it names. */
function levelsIn (expression: ts.Expression, file: ts.SourceFile): string[] {
  const text = (ts.isIdentifier(expression) ? initializerOf(expression, file) : expression)?.getText() ?? ''
  return LEVELS.filter((level) => text.includes(`'${level}'`))
}

function nameOf (expression: ts.Expression): string {
  if (ts.isIdentifier(expression)) return expression.text
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : ''
}

function fieldsOf (value: ts.Expression): string[] | undefined {
  if (!ts.isObjectLiteralExpression(value)) return undefined
  return value.properties.some(ts.isSpreadAssignment) ? undefined : value.properties.map(({ name }) => name!.getText())
}

/** Returns the text of a message, with `…` for what is not constant; undefined if nothing of it is. */
function textOf (node: ts.Expression, file: ts.SourceFile): string | undefined {
  const text = partsOf(node, file).replace(/…+/g, '…')
  return text === '…' ? undefined : text
}

function partsOf (node: ts.Expression, file: ts.SourceFile): string {
  if (ts.isStringLiteralLike(node)) return node.text
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('')
  }
  if (ts.isBinaryExpression(node)) return partsOf(node.left, file) + partsOf(node.right, file)
  const initializer = ts.isIdentifier(node) ? initializerOf(node, file) : undefined
  return initializer === undefined ? '…' : partsOf(initializer, file)
}

/** Returns the value of a constant of the file. */
function initializerOf ({ text }: ts.Identifier, file: ts.SourceFile): ts.Expression | undefined {
  let found: ts.Expression | undefined
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.name.getText() === text) found = node.initializer
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}
