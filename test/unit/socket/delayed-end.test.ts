import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { delayEnd } from '../../../lib/socket/delayed-end.ts'
import type { OnSent } from '../../../lib/socket/delayed-end.ts'
import { MemoryConnection } from '../../helpers/memory-connection.ts'
import { KEY } from '../../helpers/upgrade-request.ts'
import { waitTurns, waitUntil } from '../../helpers/waiting.ts'

/** Opens a socket of ws that compresses, on a connection in memory. */
async function open (t: Test): Promise<[socket: WebSocket, connection: MemoryConnection, onSent: OnSent]> {
  const connection = new MemoryConnection({ endsWithPeer: false })
  t.teardown(() => connection.duplex.destroy())
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': KEY,
    'sec-websocket-extensions': 'permessage-deflate'
  }
  const socket = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade({ method: 'GET', url: '/', headers } as never, connection.duplex, Buffer.alloc(0), resolve)
  })
  await connection.takeHead()
  return [socket, connection, delayEnd(socket, connection.duplex)]
}

void t.test('delayEnd: the connection ends at once if ws compresses nothing', async (t) => {
  const [, { duplex }, onSent] = await open(t)
  const finished = once(duplex, 'finish')
  t.equal(duplex.end(), duplex)
  t.ok(duplex.writableEnded)
  await finished
  onSent()
})

void t.test('delayEnd: the connection ends after the messages that ws compresses, with what was passed to end()', async (t) => {
  const [socket, { duplex }, onSent] = await open(t)
  let sent = 0
  for (let count = 0; count < 3; count++) socket.send('x'.repeat(100_000), () => { sent++; onSent() })
  let ended = -1
  t.equal(duplex.end(() => { ended = sent }), duplex)
  await waitTurns()
  t.notOk(duplex.writableEnded)
  onSent()
  t.notOk(duplex.writableEnded, 'a message is still compressed')
  await waitUntil(() => ended >= 0)
  t.equal(ended, 3)
})

void t.test('delayEnd: the connection ends at once after a Blob that cannot be read', async (t) => {
  const [socket, { duplex }, onSent] = await open(t)
  socket.on('error', () => {})
  const blob = new Blob(['lost'])
  blob.arrayBuffer = async () => { throw new Error('unreadable') }
  const error = await new Promise<Error | undefined>((resolve) => {
    socket.send(blob as never, (error) => { onSent(error); resolve(error) })
  })
  t.equal(error?.message, 'unreadable')
  await waitUntil(() => duplex.writableFinished)
})
