import assert from 'node:assert/strict'
import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import type { SocketCloseMessage, WebSocket, WebsocketPluginOptions } from '../../index.ts'
import { record } from '../helpers/channels.ts'
import { H1, H1_TLS, H2C, H2_TLS, start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { testProperty, waitUntil } from './property.ts'

/** A message or a fragment, of any type that `send()` takes, and its bytes. */
interface Payload {
  data: string | Buffer | ArrayBuffer | DataView | Uint16Array | Blob
  bytes: number
  isBlob: boolean
}

/** A message that is sent in fragments, of which most have one. */
type Message = Payload[]

/** A consumer of the messages that the server receives. */
type Consumer = 'listener' | 'loop' | 'none'

const CREATE: Array<(text: string) => Payload['data']> = [
  (text) => text,
  (text) => Buffer.from(text),
  (text) => toArrayBuffer(text),
  (text) => new DataView(toArrayBuffer(`-${text}`), 1),
  (text) => new Blob([text])
]

/** Sizes at which the header of a frame, or the way in which it is written, changes. */
const size = fc.oneof(fc.nat(130), fc.constantFrom(0, 125, 126, 1024, 1025, 65_535, 65_536, 150_000))

const payload = fc.tuple(fc.nat(CREATE.length - 1), size, fc.constantFrom('x', 'é', '\u{1F600}')).map(toPayload)

const message = fc.oneof(
  { weight: 4, arbitrary: payload.map((each): Message => [each]) },
  {
    weight: 1,
    arbitrary: fc.array(payload.filter(({ isBlob }) => !isBlob), { minLength: 2, maxLength: 4 })
  }
)

const messages = fc.array(message, { maxLength: 12 })
const binaryType = fc.constantFrom('nodebuffer', 'arraybuffer', 'fragments', 'blob') as fc.Arbitrary<WebSocket['binaryType']>
const consumer = fc.constantFrom<Consumer>('listener', 'loop', 'none')

function toPayload ([type, length, character]: [number, number, string]): Payload {
  const text = character.repeat(length)
  const data = CREATE[type]!(text)
  return { data, bytes: Buffer.byteLength(text), isBlob: data instanceof Blob }
}

function toArrayBuffer (text: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = Buffer.from(text)
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}

const sockets = new Map<string, WebSocket>()
const ends = record<SocketCloseMessage>(t, 'socket:close')

const compressed = { perMessageDeflate: { threshold: 0 } }
const plain = await Promise.all([H1, H2C, H1_TLS, H2_TLS].map((transport) => serve(transport)))
const compressing = await Promise.all([H1, H2C].map((transport) => serve(transport, { options: compressed })))
const fixtures = [...plain, ...compressing]
let count = 0

async function serve (transport: Transport, options: WebsocketPluginOptions = {}): Promise<Fixture> {
  return await start(t as never, transport, (app) => {
    app.get('/:number', { websocket: true }, (socket, { url }) => { sockets.set(url, socket) })
  }, { heartbeat: 0, ...options })
}

function consume (socket: WebSocket, consumer: Consumer): void {
  if (consumer === 'listener') socket.on('message', () => {})
  if (consumer === 'loop') void readAll(socket)
}

async function readAll (socket: WebSocket): Promise<void> {
  for await (const message of socket) assert.ok(message !== undefined)
}

function sendAll (socket: WebSocket, list: Message[]): void {
  for (const fragments of list) {
    for (const [index, { data }] of fragments.entries()) {
      socket.send(data as Buffer, { fin: index === fragments.length - 1 })
    }
  }
}

function sumBytes (list: Message[]): number {
  return list.flat().reduce((sum, { bytes }) => sum + bytes, 0)
}

await testProperty('the counted messages and bytes of a socket are those that its handler and its client have sent', { runs: 100 },
  fc.tuple(fc.nat(fixtures.length - 1), messages, messages, binaryType, consumer),
  async ([which, bySocket, byClient, type, consumer]) => {
    const fixture = fixtures[which]!
    const path = `/${count++}`
    const client = await fixture.open(path, which < plain.length ? {} : compressed)
    client.on('message', () => {})
    await waitUntil(() => sockets.has(path), 'the handler is called')
    const socket = sockets.get(path)!
    sockets.delete(path)
    assert.equal(socket.extensions, which < plain.length ? '' : 'permessage-deflate')
    socket.binaryType = type
    consume(socket, consumer)

    sendAll(socket, bySocket)
    sendAll(client, byClient)
    const open = fixture.app.websocketServer.stats()
    assert.equal(open.sockets.open, 1)
    const closed = once(client, 'close')
    client.close(1000)
    await closed
    await waitUntil(() => ends.some((end) => end.socket === socket), 'the socket is closed')

    const end = ends.find((end) => end.socket === socket)!
    ends.length = 0
    const { messagesReceived, messagesSent, bytesReceived, bytesSent, code } = end
    assert.deepEqual({ messagesReceived, messagesSent, bytesReceived, bytesSent, code }, {
      messagesReceived: byClient.length,
      messagesSent: bySocket.length,
      bytesReceived: sumBytes(byClient),
      bytesSent: sumBytes(bySocket),
      code: 1000
    })
  })

for (const { app } of fixtures) {
  const { sockets, messages } = app.websocketServer.stats()
  assert.equal(sockets.open, 0)
  assert.ok(messages.sent > 0)
}
