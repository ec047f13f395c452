import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { connect } from '../../lib/client/index.ts'
import type { ReconnectingWebSocket, Reconnecting, ReconnectingConnectOptions } from '../../lib/client/index.ts'
import { kill, waitForMessage } from '../helpers/child-processes.js'
import { H1, H1_TLS, H2C, H2_TLS } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'

/** Ways to connect. */
export interface Way {
  title: string
  transport: Transport
  options: Pick<ReconnectingConnectOptions, 'http' | 'session'>
}

const SHARED = { session: 'shared' } as const

export const WAYS: Way[] = [
  { title: H1.name, transport: H1, options: { http: '1.1' } },
  { title: H1_TLS.name, transport: H1_TLS, options: {} },
  { title: H2C.name, transport: H2C, options: { http: '2' } },
  { title: H2_TLS.name, transport: H2_TLS, options: {} },
  { title: `${H2C.name}, shared`, transport: H2C, options: { http: '2', ...SHARED } },
  { title: `${H2_TLS.name}, shared`, transport: H2_TLS, options: SHARED }
]

/** Socket that reconnects, and what it has emitted. */
export interface Recorded {
  socket: ReconnectingWebSocket
  texts: string[]
  ends: Reconnecting[]
}

/** Connects to a port of this machine. */
export function reconnecting (
  t: Test, { transport, options }: Way, port: number, others: Partial<ReconnectingConnectOptions> = {}
): Recorded {
  const socket = connect(`${transport.secure ? 'wss' : 'ws'}://127.0.0.1:${port}/echo`, {
    rejectUnauthorized: false, heartbeat: 0, reconnect: { minDelay: 20, maxDelay: 50 }, ...options, ...others
  })
  t.teardown(() => socket.terminate())
  const [texts, ends]: [string[], Reconnecting[]] = [[], []]
  socket.on('message', (data) => texts.push(String(data))).on('reconnecting', (end) => ends.push(end))
  socket.on('error', (error) => t.fail(error))
  return { socket, texts, ends }
}

/** Connects to a port of this machine, and exchanges a message. */
export async function openAndExchange (t: Test, way: Way, port: number, text: string): Promise<Recorded> {
  const recorded = reconnecting(t, way, port)
  await once(recorded.socket, 'open')
  await exchange(recorded, text)
  return recorded
}

/** Kills the process that a socket is connected to, and waits until the socket has lost its connection. */
export async function killBelow ({ socket }: Recorded, child: ChildProcess): Promise<void> {
  const lost = once(socket, 'reconnecting')
  await kill(child)
  await lost
}

/** Sends a message, and waits for its echo. */
export async function exchange ({ socket }: Recorded, text: string): Promise<void> {
  socket.send(text, (error) => { if (error != null) socket.emit('error', error) })
  await once(socket, 'message')
}

/** Starts a server process, and waits until it listens. */
export async function startServer (t: Test, { server }: Transport, port: number): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('server.ts', import.meta.url))
  const child = fork(program, [String(port), JSON.stringify(server)], { execArgv: process.execArgv })
  t.teardown(() => kill(child))
  await waitForMessage(child, 'the server')
  return child
}
