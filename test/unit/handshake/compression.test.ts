import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { Admission } from '../../../lib/handshake/admission.ts'
import { Compression, measureContexts } from '../../../lib/handshake/compression.ts'
import { createLog, receiveUpgrade } from '../../helpers/pending-upgrade.ts'
import type { PendingUpgrade } from '../../helpers/pending-upgrade.ts'
import { OFFER_DEFLATE, upgradeRequest } from '../../helpers/upgrade-request.ts'

const CHUNK = 16 * 1024

function create (perMessageDeflate: object | boolean, compressionBudget = Infinity): {
  server: WebSocketServer, admission: Admission, compression: Compression
} {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate, closeTimeout: 7 } as object)
  const limits = { maxSockets: Infinity, maxPendingHandshakes: 4096, compressionBudget }
  const admission = new Admission(limits, createLog().log, () => {})
  return { server, admission, compression: new Compression(server, admission) }
}

/** Receives a handshake that has reserved its socket. */
async function receive (admission: Admission, fields = [OFFER_DEFLATE]): Promise<PendingUpgrade> {
  const received = await receiveUpgrade(undefined, upgradeRequest('/', fields))
  admission.admit(received.request, received.upgrade)
  admission.reserve(received.upgrade)
  return received
}

/** Lets ws open the socket of a handshake. */
async function handle (server: WebSocketServer, { request }: PendingUpgrade): Promise<WebSocket> {
  return await new Promise((resolve) => {
    server.handleUpgrade(request as never, request.socket, Buffer.alloc(0), resolve)
  })
}

/** A program that prints what zlib has allocated for streams which have processed data: a small heap, quickly read. */
const PROGRAM = `
const { createDeflateRaw, createInflateRaw, deflateRawSync, constants } = require('node:zlib')
const input = Buffer.from(Array.from({ length: 30_000 }, (_, index) => (index * 7919 % 1e7).toString(36)).join(' '))
async function main () {
  const sizes = []
  for (const [windowBits, memLevel] of JSON.parse(process.argv[1])) {
    const options = { windowBits, memLevel }
    const stream = memLevel === undefined ? createInflateRaw(options) : createDeflateRaw(options)
    const finishFlush = constants.Z_SYNC_FLUSH
    stream.resume().write(memLevel === undefined ? deflateRawSync(input, { windowBits, finishFlush }) : input)
    await new Promise((resolve) => stream.flush(finishFlush, resolve))
    let text = ''
    for await (const chunk of require('node:v8').getHeapSnapshot()) text += chunk
    const { snapshot: { meta: { node_fields: fields } }, nodes, strings } = JSON.parse(text)
    let allocated = 0
    for (let node = 0; node < nodes.length; node += fields.length) {
      if (/zlib_memory$/.test(strings[nodes[node + fields.indexOf('name')]])) {
        allocated = Math.max(allocated, nodes[node + fields.indexOf('self_size')])
      }
    }
    sizes.push(allocated)
    await new Promise((resolve) => stream.close(resolve))
  }
  console.log(JSON.stringify(sizes))
}
main()`

/** Returns what zlib allocates for deflate streams with these window bits and memLevels, or for inflate streams. */
async function measureAllocated (
  streams: ReadonlyArray<readonly [bits: number, memLevel?: number]>
): Promise<number[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', PROGRAM, JSON.stringify(streams)], {
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  return JSON.parse(stdout)
}

void t.test('measureContexts: is what zlib allocates, and the buffers of Node', async (t) => {
  const noDeflate = { serverNoContextTakeover: true }
  const deflates = [[9, 1], [12, 4], [15, 8], [15, 9]] as const
  const inflates = [[9], [15]] as const
  const allocated = await measureAllocated([...deflates, ...inflates])
  // A pointer more or less, in other versions of Node.
  for (const [index, [bits, memLevel]] of deflates.entries()) {
    const options = { serverMaxWindowBits: bits, zlibDeflateOptions: { memLevel } }
    const measured = measureContexts(options) - measureContexts(noDeflate) - CHUNK
    t.ok(Math.abs(measured - allocated[index]!) < 64, `deflate, ${bits} bits, memLevel ${memLevel}: ${measured}, ${allocated[index]}`)
  }
  for (const [index, [bits]] of inflates.entries()) {
    const measured = measureContexts({ ...noDeflate, clientMaxWindowBits: bits }) - CHUNK
    const expected = allocated[deflates.length + index]!
    t.ok(Math.abs(measured - expected) < 64, `inflate, ${bits} bits: ${measured}, ${expected}`)
  }
})

void t.test('measureContexts: windows that the client may choose count as the largest', async (t) => {
  const most = measureContexts({})
  t.equal(most, 359_344)
  for (const bits of [true, false]) {
    t.equal(measureContexts({ serverMaxWindowBits: bits, clientMaxWindowBits: bits } as object), most)
  }
  t.equal(measureContexts({ clientNoContextTakeover: true }), most, 'a client may leave a message unfinished')
  const chunks = { zlibDeflateOptions: { chunkSize: 1024 }, zlibInflateOptions: { chunkSize: 1024 } }
  t.equal(measureContexts(chunks), most - 2 * CHUNK + 2048)
})

void t.test('selectServer: without the option, or without an offer, nothing is reserved', async (t) => {
  for (const [option, fields] of [[false, [OFFER_DEFLATE]], [true, []], [true, ['Sec-WebSocket-Extensions: x-other']]] as const) {
    const { server, admission, compression } = create(option)
    const received = await receive(admission, [...fields])
    t.equal(compression.selectServer(received.upgrade, received.request), server)
    const socket = await handle(server, received)
    compression.opened(received.upgrade, socket)
    compression.closed(socket)
    t.same([admission.compression.bytes, admission.compression.sockets], [0, 0])
    received.client.destroy()
  }
})

void t.test('selectServer: beyond the budget, the same server without compression', async (t) => {
  const { server, admission, compression } = create(true, measureContexts({}))
  for (const extensions of ['permessage-deflate', '']) {
    const received = await receive(admission)
    const selected = compression.selectServer(received.upgrade, received.request)
    const socket = await handle(selected, received)
    t.equal(socket.extensions, extensions)
    t.equal(received.request.headers['sec-websocket-extensions'], 'permessage-deflate')
    t.equal((selected.options as { closeTimeout?: number }).closeTimeout, 7)
    t.ok(server.clients.has(socket))
    compression.opened(received.upgrade, socket)
    admission.complete(received.upgrade)
    received.client.destroy()
  }
  t.equal(admission.compression.sockets, 1)
  admission.close()
})

void t.test('opened: an offer that ws has not accepted needs no memory', async (t) => {
  const { server, admission, compression } = create(true)
  const received = await receive(admission, ['Sec-WebSocket-Extensions: x-permessage-deflate'])
  const selected = compression.selectServer(received.upgrade, received.request)
  t.equal(admission.compression.sockets, 1)
  compression.opened(received.upgrade, await handle(selected, received))
  admission.complete(received.upgrade)
  t.equal(admission.compression.sockets, 0)
  t.equal(selected, server)
  received.client.destroy()
})

void t.test('closed: the memory of a socket is released', async (t) => {
  const { admission, compression } = create({ serverNoContextTakeover: true })
  const received = await receive(admission)
  const socket = await handle(compression.selectServer(received.upgrade, received.request), received)
  compression.opened(received.upgrade, socket)
  admission.complete(received.upgrade)
  t.equal(admission.compression.bytes, measureContexts({ serverNoContextTakeover: true }))
  compression.closed(socket)
  t.equal(admission.compression.bytes, 0)
  received.client.destroy()
})
