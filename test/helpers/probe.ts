import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { emptyAttempt } from '../../lib/cli/attempt.ts'
import type { Attempt, ProbeRequest, ProbeResult } from '../../lib/cli/result.ts'
import { TIME_LIMIT } from './waiting.ts'

export interface Output {
  code: number | null
  stdout: string
  stderr: string
}

const MAIN = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))

/** Runs the command from its source, in a process of its own. */
export async function runCommand (...parameters: string[]): Promise<Output> {
  const child = spawn(process.execPath, [...process.execArgv, MAIN, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'], timeout: 4 * TIME_LIMIT
  })
  const exited = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await exited
  return { code, stdout, stderr }
}

/** A request of a probe, as the arguments of the command would make it. */
export function requestFor (url: string, properties: Partial<ProbeRequest> = {}): ProbeRequest {
  return {
    url: new URL(url),
    http: undefined,
    headers: {},
    origin: undefined,
    protocols: [],
    send: undefined,
    insecure: true,
    ca: undefined,
    timeout: TIME_LIMIT,
    ...properties
  }
}

const OPEN: Partial<Attempt> = {
  outcome: 'opened',
  openMs: 12.3,
  headers: {},
  subprotocol: '',
  extensions: '',
  pings: { count: 10, minMs: 0.25, p50Ms: 0.5, maxMs: 4 },
  closeCode: 1000,
  closeReason: ''
}

/** An attempt that opened a socket, unless the properties say otherwise. */
export function attemptOver (httpVersion: '1.1' | '2', properties: Partial<Attempt> = {}): Attempt {
  const base = properties.outcome === undefined ? { ...OPEN, status: httpVersion === '2' ? 200 : 101 } : {}
  return emptyAttempt(httpVersion, { ...base, ...properties })
}

/** The result of a probe of a server that serves sockets over both versions, unless the properties say otherwise. */
export function resultOf (properties: Partial<ProbeResult> = {}): ProbeResult {
  return {
    url: 'wss://localhost/',
    expectedHttpVersion: '2',
    connection: {
      address: '127.0.0.1',
      port: 443,
      connectMs: 5.5,
      tlsVersion: 'TLSv1.3',
      alpnProtocol: 'h2',
      certificate: { trusted: true, code: null, problem: null }
    },
    settings: {
      enableConnectProtocol: true, maxConcurrentStreams: 1024, initialWindowSize: 65_535, maxHeaderListSize: null
    },
    socket: attemptOver('2'),
    otherVersion: attemptOver('1.1'),
    ...properties
  }
}

/** Starts a server on a free port, and returns that. Its connections are destroyed when the test ends. */
export async function listen (t: Test, server: EventEmitter): Promise<number> {
  const connections = new Set<Socket>()
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (connection: Socket) => connections.add(connection.on('error', () => {})))
  }
  const listening = (server as Server).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  t.teardown(() => {
    for (const connection of connections) connection.destroy()
    listening.close()
  })
  return (listening.address() as AddressInfo).port
}
