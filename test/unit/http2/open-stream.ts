import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { Session } from '../../../lib/http2/session.ts'
import { Sessions } from '../../../lib/http2/sessions.ts'
import type { StreamSocket } from '../../../lib/http2/stream-socket.ts'
import { FrameClient, SETTINGS_INITIAL_WINDOW_SIZE } from '../../helpers/h2-frames.ts'

/** Both ends of stream 1 of a session: a StreamSocket, and a client that sends single frames. */
export interface OpenStream {
  session: Session
  socket: StreamSocket
  stream: ServerHttp2Stream
  client: FrameClient
  /** Returns the bytes of DATA that the client has received, in order. */
  received: () => Buffer
  /** Waits until the client has received that many bytes of DATA. */
  untilReceived (size: number): Promise<void>
  /** Waits until both ends have received everything that was sent before. */
  roundTrip (): Promise<void>
}

/**
 * Opens a stream and answers it. The client never opens a window by itself.
 *
 * @param window the bytes of DATA that the client accepts
 */
export async function openStream (t: Test, window = 65_535): Promise<OpenStream> {
  const server = createServer({ settings: { enableConnectProtocol: true } })
  const sessions = new Sessions({ receiveWindow: {} })
  const stop = sessions.track(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const settings = { [SETTINGS_INITIAL_WINDOW_SIZE]: window }
  const client = await FrameClient.open((server.address() as AddressInfo).port, { settings, windowUpdates: false })
  t.teardown(() => { stop(); client.destroy(); server.close() })
  const reported = once(server, 'stream')
  client.connect(1, '/')
  const [stream] = await reported as [ServerHttp2Stream]
  stream.on('error', () => {})
  const session = sessions.forStream(stream)!
  const socket = session.addSocket(stream)
  stream.respond()
  await client.response(1)
  return { session, socket, stream, client, received, untilReceived, roundTrip }

  function received (): Buffer {
    const frames = client.frames.filter(({ type, streamId }) => type === 'DATA' && streamId === 1)
    return Buffer.concat(frames.map(({ payload }) => payload))
  }

  async function untilReceived (size: number): Promise<void> {
    await client.until(() => received().length >= size || undefined)
  }

  async function roundTrip (): Promise<void> {
    const pongs = (): number => client.trace(0).filter((frame) => frame === 'PING ACK').length
    const before = pongs()
    client.ping(Buffer.alloc(8))
    await client.until(() => pongs() > before || undefined)
  }
}

/** Waits until a stream has closed, and for one more turn: a second callback or event would follow by then. */
export async function untilClosed (stream: ServerHttp2Stream): Promise<void> {
  if (!stream.closed || !stream.destroyed) await new Promise((resolve) => stream.once('close', resolve))
  await new Promise(setImmediate)
  await new Promise(setImmediate)
}
