/** Reads the interfaces that the package declares, from their source. */
import ts from 'typescript'
import { read } from './pages.ts'

/** An interface, with the members that it inherits. */
export interface Interface {
  name: string
  /** Text of its doc comment. */
  comment: string
  /** Alternatives of the type of each member: those of `'client' | undefined` are `'client'` and `undefined`. */
  members: Map<string, string[]>
}

/** Returns the interfaces that files declare, by name. */
export function readInterfaces (...paths: string[]): Map<string, Interface> {
  const found = new Map<string, Interface>()
  for (const path of paths) {
    const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true)
    for (const statement of file.statements) {
      if (!ts.isInterfaceDeclaration(statement)) continue
      const parents = statement.heritageClauses?.flatMap(({ types }) => types.map((type) => type.getText())) ?? []
      const inherited = parents.flatMap((name) => [...found.get(name)!.members])
      const name = statement.name.text
      found.set(name, {
        name,
        comment: ts.getJSDocCommentsAndTags(statement).map((comment) => comment.getText()).join('\n'),
        members: new Map([...inherited, ...statement.members.filter(ts.isPropertySignature).map(readMember)])
      })
    }
  }
  return found
}

/** Returns the alternatives of a type that a file declares as a union. */
export function readUnion (path: string, name: string): string[] {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true)
  const type = file.statements.filter(ts.isTypeAliasDeclaration).find((statement) => statement.name.text === name)!.type
  return alternativesOf(type)
}

function readMember ({ name, type }: ts.PropertySignature): [name: string, alternatives: string[]] {
  return [name.getText(), alternativesOf(type!)]
}

function alternativesOf (type: ts.TypeNode): string[] {
  return ts.isUnionTypeNode(type) ? type.types.map((part) => part.getText()) : [type.getText()]
}
