import assert from 'node:assert/strict'
import { SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { ErrorCode, FrameClient } from '../helpers/h2-frames.ts'
import { BINARY, CLOSE, TEXT, readWsFrames, wsClose, wsFrame } from '../helpers/ws-frames.ts'
import type { Observed } from './peers.ts'
import { until } from './runs.ts'

const MEGABYTE = 1024 * 1024

/** What the client may send ahead on one stream, and what the server has to send at most. */
const CLIENT_LIMIT = 60_000
const SERVER_LIMIT = 400_000

/** A socket that is one of several in a session, what was said on it, and what is to come of that. */
export class Line {
  readonly #client: FrameClient
  readonly #id: number
  readonly #observed: Observed
  readonly #fromClient: string[] = []
  readonly #fromServer: string[] = []
  #clientBytes = 0
  #serverBytes = 0
  /** What the Close of the client makes of the server's socket. */
  #close: string | undefined
  #isCut = false
  /** Whether the client has ended or reset its side. */
  #isOver = false

  constructor (client: FrameClient, id: number, observed: Observed) {
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

  /** A message of the client, unless it has closed, or its window is used up. */
  sendFromClient (size: number, isBinary: boolean): void {
    const body = Buffer.alloc(size, this.#fromClient.length + 97)
    const bytes = wsFrame(isBinary ? BINARY : TEXT, isBinary ? body : letters(body))
    if (this.#isOver || this.#close !== undefined || this.#clientBytes + bytes.length > CLIENT_LIMIT) return
    this.#clientBytes += bytes.length
    this.#fromClient.push(inWords(isBinary, isBinary ? body : letters(body)))
    for (let at = 0; at < bytes.length; at += 16_000) this.#client.data(this.#id, bytes.subarray(at, at + 16_000))
  }

  sendFromServer (size: number, isBinary: boolean): void {
    const { socket } = this.#observed
    if (socket.readyState !== socket.OPEN || this.#serverBytes + size > SERVER_LIMIT) return
    const body = Buffer.alloc(size, this.#fromServer.length + 97)
    this.#serverBytes += size
    this.#fromServer.push(inWords(isBinary, isBinary ? body : letters(body)))
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
    this.cut()
    this.#observed.socket.terminate()
  }

  reset (code: ErrorCode): void {
    if (this.#isOver) return
    this.cut()
    this.#isOver = true
    this.#client.rst(this.#id, code)
  }

  openWindow (increment: number): void {
    if (!this.#isOver) this.#client.windowUpdate(this.#id, increment)
  }

  /** From here on not all that was said need arrive. */
  cut (): void {
    this.#isCut = true
  }

  /** Ends the line in order, where it has not been cut. */
  finish (): void {
    this.resume()
    if (this.#isOver || this.#isCut) return
    this.closeFromClient(1000, '')
    this.#isOver = true
    this.#client.end(this.#id)
  }

  /** Waits for the end of the line, and holds it against what was said. */
  async check (): Promise<void> {
    const { closed, events } = this.#observed
    await closed
    const closes = this.#isCut ? ['close 1006', this.#close] : [this.#close]
    assert.ok(closes.includes(events.at(-1)), `${events.at(-1)} is none of ${closes}`)
    assert.equal(events.filter((event) => /^(close|error)/.test(event)).length, 1)
    this.#compare(events.slice(0, -1), this.#fromClient)
    if (!this.#isCut) await until(() => this.#heard.at(-1) === 'closed', 'the Close')
    this.#compare(this.#heard.filter((words) => words !== 'closed'), this.#fromServer)
  }

  get #heard (): string[] {
    const parts = this.#client.frames.filter(({ type, streamId }) => type === 'DATA' && streamId === this.#id)
    const [frames] = readWsFrames(Buffer.concat(parts.map(({ payload }) => payload)))
    return frames.map(({ opcode, payload }) => opcode === CLOSE ? 'closed' : inWords(opcode === BINARY, payload))
  }

  #compare (heard: string[], said: string[]): void {
    assert.deepEqual(heard, this.#isCut ? said.slice(0, heard.length) : said)
  }
}

/** Lets through all that a server of lines can have left to say. */
export function openWindows (client: FrameClient): void {
  client.settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 2 * MEGABYTE })
  client.windowUpdate(0, 16 * MEGABYTE)
}

function letters (body: Buffer): Buffer {
  return Buffer.from(body.map((byte) => 97 + byte % 26))
}

function inWords (isBinary: boolean, body: Buffer): string {
  return `${isBinary ? 'binary' : 'text'} ${body.toString('hex')}`
}
