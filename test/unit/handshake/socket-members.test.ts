import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { hasFastProperties } from '../../helpers/fast-properties.ts'
import { startGateway, untilData } from '../../helpers/gateway.ts'
import type { Gateway } from '../../helpers/gateway.ts'
import { NO_WINDOW } from '../../helpers/h2-frames.ts'
import type { FrameClient, OpenOptions } from '../../helpers/h2-frames.ts'

const ACCEPT = 'HTTP/1.1 101 Switching Protocols\r\n\r\n'

interface Opened {
  socket: TLSSocket
  client: FrameClient
  gateway: Gateway
}

async function open (t: Test, { tls = false, ...options }: OpenOptions = {}): Promise<Opened> {
  const sockets: unknown[] = []
  const gateway = await startGateway(t, (_request, each) => { sockets.push(each) }, { tls })
  const client = await gateway.client(options)
  client.connect(1, '/path')
  await client.roundTrip()
  return { socket: sockets[0] as TLSSocket, client, gateway }
}

void t.test('the socket has the addresses of its TCP connection', async (t) => {
  const { socket, gateway: { port } } = await open(t)
  t.match(socket, { remoteAddress: '127.0.0.1', remoteFamily: 'IPv4', localAddress: '127.0.0.1', localPort: port })
  t.type(socket.remotePort, 'number')
  t.strictSame(socket.address(), { address: '127.0.0.1', family: 'IPv4', port })
  t.match(socket, { connecting: false, readyState: 'open', encrypted: undefined })
})

void t.test('the socket has the members of its TLS connection', async (t) => {
  const { socket } = await open(t, { tls: true })
  t.match(socket, { encrypted: true, authorized: false, alpnProtocol: 'h2' })
  t.same(socket.getPeerCertificate(), {})
  t.match(socket.getProtocol(), /^TLS/)
  t.ok(socket.getCipher().name)
})

void t.test('methods that would change the connection of other streams have no effect, and return the socket', async (t) => {
  const { socket } = await open(t)
  t.equal(socket.setNoDelay().setKeepAlive(true).ref().unref(), socket)
  t.equal(socket.setTimeout(0), socket)
})

void t.test('setTimeout() emits \'timeout\' on the socket, which stays open', async (t) => {
  const { socket } = await open(t)
  let called = false
  socket.setTimeout(10, () => { called = true })
  await once(socket, 'timeout')
  t.equal(called, true)
  t.equal(socket.destroyed, false)
})

void t.test('bytesWritten is 0 before the response, and grows with what is written', async (t) => {
  const { socket, client } = await open(t, NO_WINDOW)
  t.equal(socket.bytesWritten, 0)
  socket.write(ACCEPT.slice(0, 10))
  t.equal(socket.bytesWritten, 10)
  socket.write(`${ACCEPT.slice(10)}data`)
  t.equal(socket.bytesWritten, ACCEPT.length + 4)
  socket.write(Buffer.from('more'))
  t.equal(socket.bytesWritten, ACCEPT.length + 8)
  client.windowUpdate(1, 100)
  await untilData(client, 1, 8)
  t.equal(socket.bytesWritten, ACCEPT.length + 8)
})

void t.test('readyState follows each side', async (t) => {
  const { socket, client } = await open(t)
  socket.resume().write(ACCEPT)
  client.end(1)
  await once(socket, 'end')
  t.equal(socket.readyState, 'writeOnly')
  socket.end()
  await once(socket, 'close')
  t.equal(socket.readyState, 'closed')
})

void t.test('destroySoon() sends what was written, the end, and then resets the stream', async (t) => {
  const { socket, client } = await open(t)
  socket.write(`${ACCEPT}data`)
  socket.destroySoon()
  t.strictSame(await client.untilReset(1), ['HEADERS', 'DATA', 'DATA END_STREAM', 'RST_STREAM NO_ERROR'].filter((frame) => {
    return client.trace(1).includes(frame)
  }))
  t.equal(String(await untilData(client, 1, 4)), 'data')
  t.ok(client.trace(1).includes('DATA END_STREAM'))
})

void t.test('destroySoon() of a socket that has finished destroys it', async (t) => {
  const { socket, client } = await open(t)
  socket.end(`${ACCEPT}data`)
  await once(socket, 'finish')
  socket.destroySoon()
  t.equal((await client.untilReset(1)).at(-1), 'RST_STREAM NO_ERROR')
})

void t.test('resetAndDestroy() resets the stream, and not its connection', async (t) => {
  const { socket, client } = await open(t)
  t.equal((socket as Socket).resetAndDestroy(), socket)
  t.strictSame(await client.untilReset(1), ['RST_STREAM CANCEL'])
  await client.roundTrip()
})

void t.test('the members keep the properties of the stream in a hidden class', async (t) => {
  const { socket } = await open(t)
  t.ok(hasFastProperties(socket))
})
