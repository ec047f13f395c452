/** Option of the command, for `parseArgs` of Node, the help and the documentation. */
interface CliOption {
  type: 'string' | 'boolean'
  multiple?: boolean
  short?: string
  /** Name of its value. */
  value?: string
  purpose: string
}

export const DEFAULT_TIMEOUT = 10_000

/** Options of `probe`, in the order of the help. */
export const PROBE_OPTIONS = {
  http: { type: 'string', value: '1.1|2', purpose: 'expected version (default: 2 for wss:, else 1.1)' },
  header: { type: 'string', multiple: true, value: '"NAME: VALUE"', purpose: 'send a header field (repeatable)' },
  origin: { type: 'string', value: 'ORIGIN', purpose: 'send the Origin of a web page' },
  protocol: { type: 'string', multiple: true, value: 'NAME', purpose: 'offer a subprotocol (repeatable)' },
  send: { type: 'string', value: 'TEXT', purpose: 'send a message, and expect an answer' },
  timeout: { type: 'string', value: 'MS', purpose: `time limit of each step (default: ${DEFAULT_TIMEOUT})` },
  insecure: { type: 'boolean', purpose: 'continue if the certificate is not trusted' },
  ca: { type: 'string', value: 'FILE', purpose: 'trust these certificates (PEM), and no others' },
  json: { type: 'boolean', purpose: 'print JSON' },
  help: { type: 'boolean', short: 'h', purpose: 'print this help' },
  version: { type: 'boolean', purpose: 'print the version' }
} satisfies Record<string, CliOption>

/** Options of `probe` by their names. */
export const OPTION_ROWS: Record<string, CliOption> = PROBE_OPTIONS
