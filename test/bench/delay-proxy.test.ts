import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'

const DELAY_PROXY = fileURLToPath(new URL('../../bench/delay-proxy.js', import.meta.url))

/** Starts proxies with a round-trip time, and returns their process with its first message. */
async function startProxy (t: Test, rtt: number, ports: string[]): Promise<{ child: ChildProcess, first: unknown }> {
  const child = fork(DELAY_PROXY, [String(rtt), ...ports])
  t.teardown(() => { child.kill('SIGKILL') })
  const [first] = await once(child, 'message') as [unknown]
  return { child, first }
}

async function request (child: ChildProcess, message: object): Promise<unknown> {
  child.send(message)
  const [answer] = await once(child, 'message') as [unknown]
  return answer
}

/** Listens with a server that sends back what it receives. Returns its port. */
async function listenEcho (t: Test): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => { socket.pipe(socket) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

async function echoThrough (port: number, message: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(message)
  return await text(socket)
}

void t.test('the delay proxy forwards bytes in order, and counts connections and bytes of each port', async (t) => {
  const target = await listenEcho(t)
  const { child, first } = await startProxy(t, 2, [`${target}`, `${target}`])
  const [used] = (first as { ports: [number] }).ports
  const message = Array.from({ length: 20_000 }, (_, index) => index).join()
  t.equal(await echoThrough(used, message), message)
  t.equal(await echoThrough(used, 'second'), 'second')
  const bytes = message.length + 'second'.length
  t.same(await request(child, { name: 'count' }), [
    { connections: 2, sent: bytes, received: bytes },
    { connections: 0, sent: 0, received: 0 }
  ])
})

void t.test('a longer or shorter delay of the proxy leaves the order of bytes as it is', async (t) => {
  const { child, first } = await startProxy(t, 30, [`${await listenEcho(t)}`])
  const [port] = (first as { ports: [number] }).ports
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const received = text(socket)
  for (const rtt of [60, 0, 20]) {
    socket.write(`sent before ${rtt},`)
    await request(child, { name: 'delay', value: rtt })
  }
  socket.end('sent last')
  t.equal(await received, 'sent before 60,sent before 0,sent before 20,sent last')
})

void t.test('the delay proxy reports a port that is taken', async (t) => {
  const target = await listenEcho(t)
  const { first } = await startProxy(t, 0, [`${target}:${target}`])
  t.match(first, { error: { code: 'EADDRINUSE', port: target } })
})
