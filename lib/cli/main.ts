#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { UsageError, readArguments } from './arguments.ts'
import { diagnose } from './diagnosis.ts'
import { escapeText, toSafeJson } from './escape.ts'
import { EXIT_CODES, toExitCode } from './exit-codes.ts'
import { COMMAND, USAGE, formatHelp } from './help.ts'
import { probe } from './probe.ts'
import { formatReport } from './report.ts'
import type { ProbeRequest } from './result.ts'

await main(process.argv.slice(2))

async function main (args: string[]): Promise<void> {
  try {
    const command = readArguments(args)
    if (command.name === 'probe') await runProbe(command.request, command.json)
    else exit(0, command.name === 'help' ? formatHelp() : `${readVersion()}\n`)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    exit(EXIT_CODES.usage.code, `${escapeText(error.message)}\n${USAGE}\nMore: ${COMMAND} --help\n`, process.stderr)
  }
}

async function runProbe (request: ProbeRequest, json: boolean): Promise<void> {
  const result = await probe(request)
  const exitCode = toExitCode(result, request.send !== undefined)
  const diagnosis = diagnose(request, result)
  exit(exitCode, json ? `${toSafeJson({ ...result, exitCode, diagnosis })}\n` : formatReport(result, diagnosis))
}

function readVersion (): string {
  const file = new URL(import.meta.resolve('fastify-websocket-h2/package.json'))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** Writes a text, then exits: a DNS query that has exceeded its time limit would keep the process alive. */
function exit (code: number, text: string, stream: NodeJS.WriteStream = process.stdout): void {
  // A reader that has read enough, such as `head`, closes the pipe.
  stream.once('error', () => process.exit(code))
  stream.write(text, () => process.exit(code))
}
