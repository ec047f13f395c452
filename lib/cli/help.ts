import { EXIT_CODES } from './exit-codes.ts'
import { OPTION_ROWS } from './options.ts'

/** Name of the command, as users start it. */
export const COMMAND = 'npx fastify-websocket-h2'

/** One line for an error of usage. */
export const USAGE = `usage: ${COMMAND} probe [options] URL`

/** Returns the help. */
export function formatHelp (): string {
  const options = Object.entries(OPTION_ROWS)
    .map(([name, { value, purpose }]) => ['--' + name + (value === undefined ? '' : ` ${value}`), purpose] as const)
  const codes = Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning] as const)
  return `${USAGE}

Opens a WebSocket, measures it, and reports which HTTP version carries it, and
why. URL begins with wss: or ws:.

Options:
${formatColumns(options)}

Exit codes:
${formatColumns(codes)}

Documentation: docs/probe.md of the repository
`
}

function formatColumns (rows: ReadonlyArray<readonly [string, string]>): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n')
}
