import assert from 'node:assert/strict'
import { SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { ErrorCode, FrameClient } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { BINARY, CLOSE, TEXT, readWsFrames, wsClose, wsFrame } from '../helpers/ws-frames.ts'
import type { ObservedSocket } from './peers.ts'
import { waitUntil } from './property.ts'

/** Limits of the bytes that the client and the server send on one stream. */
const CLIENT_LIMIT = 60_000
const SERVER_LIMIT = 400_000

/** One of several sockets of a session, the messages that were sent on it, and its expected close. */
export class SocketModel {
  readonly #client: FrameClient
  readonly #id: number
  readonly #observed: ObservedSocket
  readonly #fromClient: string[] = []
  readonly #fromServer: string[] = []
  #clientBytes = 0
  #serverBytes = 0
  /** The close event that the Close of the client causes. */
  #close: string | undefined
  #mayLose = false
  /** Whether the client has ended or reset its side. */
  #isOver = false

  constructor (client: FrameClient, id: number, observed: ObservedSocket) {
    this.#client = client
    this.#id = id
    this.#observed = observed
  }

  pause (): void {
    this.#observed.socket.pause()
  }

  resume (): void {
    this.#observed.socket.resume()
  }

  /** Sends a message from the client, unless it has closed or its window is used up. */
  sendFromClient (size: number, isBinary: boolean): void {
    const body = Buffer.alloc(size, this.#fromClient.length + 97)
    const bytes = wsFrame(isBinary ? BINARY : TEXT, isBinary ? body : letters(body))
    if (this.#isOver || this.#close !== undefined || this.#clientBytes + bytes.length > CLIENT_LIMIT) return
    this.#clientBytes += bytes.length
    this.#fromClient.push(describe(isBinary, isBinary ? body : letters(body)))
    for (let at = 0; at < bytes.length; at += 16_000) this.#client.data(this.#id, bytes.subarray(at, at + 16_000))
  }

  sendFromServer (size: number, isBinary: boolean): void {
    const { socket } = this.#observed
    if (socket.readyState !== socket.OPEN || this.#serverBytes + size > SERVER_LIMIT) return
    const body = Buffer.alloc(size, this.#fromServer.length + 97)
    this.#serverBytes += size
    this.#fromServer.push(describe(isBinary, isBinary ? body : letters(body)))
    socket.send(isBinary ? body : letters(body).toString())
  }

  closeFromClient (code: number, reason: string): void {
    if (this.#isOver || this.#close !== undefined) return
    this.#close = `close ${code} ${Buffer.from(reason).toString('hex')}`.trimEnd()
    this.#client.data(this.#id, wsClose(code, reason))
  }

  closeFromServer (code: number, reason: string): void {
    this.#observed.socket.close(code, reason)
  }

  terminate (): void {
    this.allowLoss()
    this.#observed.socket.terminate()
  }

  reset (code: ErrorCode): void {
    if (this.#isOver) return
    this.allowLoss()
    this.#isOver = true
    this.#client.rst(this.#id, code)
  }

  openWindow (increment: number): void {
    if (!this.#isOver) this.#client.windowUpdate(this.#id, increment)
  }

  /** Allows that messages are lost from now on. */
  allowLoss (): void {
    this.#mayLose = true
  }

  /** Closes the socket from the client, if that is still possible. */
  finish (): void {
    this.resume()
    if (this.#isOver || this.#mayLose) return
    this.closeFromClient(1000, '')
    this.#isOver = true
    this.#client.end(this.#id)
  }

  /** Waits for the close, and compares the received messages with the sent ones. */
  async check (): Promise<void> {
    const { closed, events } = this.#observed
    await closed
    const closes = this.#mayLose ? ['close 1006', this.#close] : [this.#close]
    assert.ok(closes.includes(events.at(-1)), `${events.at(-1)} is none of ${closes}`)
    assert.equal(events.filter((event) => /^(close|error)/.test(event)).length, 1)
    this.#compare(events.slice(0, -1), this.#fromClient)
    if (!this.#mayLose) await waitUntil(() => this.#received.at(-1) === 'closed', 'the Close')
    this.#compare(this.#received.filter((message) => message !== 'closed'), this.#fromServer)
  }

  get #received (): string[] {
    const parts = this.#client.frames.filter(({ type, streamId }) => type === 'DATA' && streamId === this.#id)
    const [frames] = readWsFrames(Buffer.concat(parts.map(({ payload }) => payload)))
    return frames.map(({ opcode, payload }) => opcode === CLOSE ? 'closed' : describe(opcode === BINARY, payload))
  }

  #compare (received: string[], sent: string[]): void {
    assert.deepEqual(received, this.#mayLose ? sent.slice(0, received.length) : sent)
  }
}

/** Opens the windows for everything that the server may still have to send. */
export function openWindows (client: FrameClient): void {
  client.settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 2 * MIB })
  client.windowUpdate(0, 16 * MIB)
}

function letters (body: Buffer): Buffer {
  return Buffer.from(body.map((byte) => 97 + byte % 26))
}

function describe (isBinary: boolean, body: Buffer): string {
  return `${isBinary ? 'binary' : 'text'} ${body.toString('hex')}`
}
