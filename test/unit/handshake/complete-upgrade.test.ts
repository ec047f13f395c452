import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { WebSocketServer } from 'ws'
import { completeUpgrade } from '../../../lib/handshake/complete-upgrade.ts'
import { createWebSocketServer } from '../../../lib/handshake/websocket-server.ts'
import { Connection } from '../../../lib/socket/connection.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { createLog, receiveUpgrade } from '../../helpers/pending-upgrade.ts'
import { MIB } from '../../helpers/sizes.ts'

/** A connection that records the calls of `startReading()`. */
class RecordingConnection extends Connection {
  readonly started: unknown[][] = []

  override startReading (...parameters: [websocket: unknown, options: object]): void {
    this.started.push(parameters)
  }
}

interface Completed {
  client: Duplex
  server: WebSocketServer
  connection: RecordingConnection
  websocket: unknown
  /** The parameters of `onSocket`. */
  passed: [socket: PluginSocket, connection: Connection]
  /** Calls of `startReading()` before `onSocket` was called. */
  started: unknown[][]
}

async function complete (options = {}): Promise<Completed> {
  const { request, client } = await receiveUpgrade()
  const server = createWebSocketServer(options, createLog().log) as unknown as WebSocketServer
  const connection = new RecordingConnection(request.socket)
  return await new Promise((resolve) => {
    server.handleUpgrade(request as never, request.socket, Buffer.alloc(0), (websocket) => {
      completeUpgrade(websocket, connection, server, (...passed) => {
        resolve({ client, server, connection, websocket, passed, started: [...connection.started] })
      })
    })
  })
}

void t.test('completeUpgrade: passes the socket on with its connection, once it reads', async (t) => {
  const { server, connection, websocket, passed, started, client } = await complete()
  t.strictSame(passed, [websocket, connection])
  t.equal(started.length, 1)
  t.equal(started[0]![0], websocket)
  t.equal(started[0]![1], server.options)
  client.destroy()
})

void t.test('completeUpgrade: the socket reports the backpressure of its connection', async (t) => {
  const { passed: [socket, connection], client } = await complete()
  socket.send(Buffer.alloc(MIB))
  t.equal(connection.duplex.writableNeedDrain, true)
  t.equal(socket.writableNeedDrain, true)
  t.ok(socket.bufferedAmount >= MIB)
  const drained = once(socket, 'drain')
  client.resume()
  await drained
  t.equal(socket.bufferedAmount, 0)
  client.destroy()
})

void t.test('completeUpgrade: a connection is destroyed closeTimeout after a client that does not read has ended', async (t) => {
  const { passed: [socket], client } = await complete({ closeTimeout: 20 })
  socket.send(Buffer.alloc(MIB))
  const closed = once(socket, 'close')
  client.end()
  t.equal((await closed)[0], 1006)
  client.destroy()
})
