/** Reads the public declarations of the package, with their doc comments, from the source. */
import ts from 'typescript'
import { read } from '../pages.ts'

/** Text of a doc comment, and its tags. */
export interface Comment {
  /** Paragraphs and lists in Markdown. */
  text: string
  /** Parameters, as name and description. */
  params: Array<[name: string, text: string]>
  returns: string | undefined
  throws: string[]
  examples: string[]
}

/** A type, function or member. */
export interface Declaration {
  name: string
  /** Code without comments. That of an interface is its first line. */
  code: string
  comment: Comment
  /** Members of an interface. A method has the parentheses of its call in `name`. */
  members: Declaration[]
  /** Type of a property. That of an optional one does not mention `undefined`. */
  type: string
  isOptional: boolean
}

const printer = ts.createPrinter({ removeComments: true })

/** Returns the exported declarations of a file, and those that it adds to `fastify`, in their order. */
export function readDeclarations (path: string): Declaration[] {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true)
  return file.statements.flatMap((statement) => {
    if (ts.isModuleDeclaration(statement) && ts.isStringLiteral(statement.name)) {
      return (statement.body as ts.ModuleBlock).statements.flatMap(toDeclaration)
    }
    return isExported(statement) ? toDeclaration(statement) : []
  }).map((declaration) => ({ ...declaration, code: [declaration.code, ...usedAliases(file, declaration.code)].join('\n') }))
}

/** Returns the code of the types of a file that are not exported, and that some code uses. */
function usedAliases (file: ts.SourceFile, code: string): string[] {
  return file.statements.filter(ts.isTypeAliasDeclaration).filter((statement) => !isExported(statement))
    .filter(({ name }) => !code.startsWith('interface ') && new RegExp(`\\b${name.text}\\b`).test(code)).map(codeOf)
}

/** Reads the doc comment of a statement that begins with a text, such as one that is exported at the end of a file. */
export function readComment (path: string, start: string): Comment {
  const text = read(path)
  const comments = text.slice(0, text.indexOf(`\n${start}`)).match(/\/\*\*(?:(?!\*\/)[^])*\*\//g) ?? []
  return parseComment(comments.at(-1)!)
}

function isExported (statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
}

function toDeclaration (node: ts.Statement): Declaration[] {
  if (ts.isInterfaceDeclaration(node)) {
    const code = node.getText().slice(0, node.members.pos - node.getStart()).replace(/\s+/g, ' ').replace(/ ?\{ ?$/, '')
    return [create(node, node.name.text, code.replace(/^export /, ''), { members: node.members.flatMap(toMember) })]
  }
  if (ts.isTypeAliasDeclaration(node)) return [create(node, node.name.text, codeOf(node).replace(/^export /, ''))]
  // An implementation of overloads has no doc comment.
  if (ts.isFunctionDeclaration(node) && (node.body === undefined || hasComment(node))) {
    const code = node.getText().slice(0, (node.body?.pos ?? node.end) - node.getStart()).replace(/^export /, '')
    return [create(node, node.name!.text, code)]
  }
  return []
}

function toMember (node: ts.TypeElement): Declaration[] {
  const isOptional = node.questionToken !== undefined
  const code = node.getText()
  if (ts.isMethodSignature(node)) return [create(node, `${nameOf(node)}()`, code, { isOptional })]
  if (ts.isCallSignatureDeclaration(node)) return [create(node, '()', code)]
  if (!ts.isPropertySignature(node) || nameOf(node) === '[kData]') return []
  const { type } = node
  const own = create(node, nameOf(node), code, { isOptional, type: typeOf(type, isOptional) })
  if (type === undefined || !ts.isTypeLiteralNode(type) || !type.getText().includes('\n')) return [own]
  const inner = type.members.flatMap(toMember).map((member) => ({ ...member, name: `${own.name}.${member.name}` }))
  return [{ ...own, type: 'object' }, ...inner]
}

function create (node: ts.Node, name: string, code: string, rest: Partial<Declaration> = {}): Declaration {
  const [comment] = ts.getJSDocCommentsAndTags(node)
  return {
    name, code, members: [], type: '', isOptional: false, comment: parseComment(comment?.getText() ?? ''), ...rest
  }
}

function nameOf (node: ts.TypeElement): string {
  return node.name!.getText()
}

function hasComment (node: ts.Node): boolean {
  return ts.getJSDocCommentsAndTags(node).length > 0
}

/** Returns the source of a node, printed anew if it has comments inside. */
function codeOf (node: ts.Node): string {
  const indent = ' '.repeat(node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).character)
  if (!/\/\*\*|\/\//.test(node.getText())) return node.getText().replaceAll(`\n${indent}`, '\n')
  return printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()).replace(/;$/gm, '').replaceAll('    ', '  ')
}

function typeOf (type: ts.TypeNode | undefined, isOptional: boolean): string {
  const text = (type?.getText() ?? '').replace(/\s+/g, ' ').replace(/^WebsocketHandler<.*>$/, 'WebsocketHandler')
  return isOptional ? text.replace(/ \| undefined$/, '').replace(/^\((\(.*)\)$/, '$1') : text
}

function parseComment (source: string): Comment {
  const lines = source.replace(/^\/\*\*|\*\/$/g, '').split('\n').map((line) => line.replace(/^ *\* ?/, '').trimEnd())
  const [text = '', ...tags] = lines.join('\n').trim().split(/^@(?=\w)/m)
  const comment: Comment = { text: text.trim(), params: [], returns: undefined, throws: [], examples: [] }
  for (const tag of tags) {
    const [, kind, body = ''] = tag.match(/^(\w+)\s+([^]*)$/)!
    const value = body.trimEnd()
    if (kind === 'param') comment.params.push([value.split(/\s/, 1)[0]!, unwrap(value.replace(/^\S+\s+/, ''))])
    else if (kind === 'returns') comment.returns = unwrap(value)
    else if (kind === 'throws') comment.throws.push(unwrap(value))
    else comment.examples.push(value)
  }
  return comment
}

function unwrap (text: string): string {
  return text.replace(/\s*\n\s*/g, ' ')
}
