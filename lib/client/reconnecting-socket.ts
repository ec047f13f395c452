import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { WebSocket as WsWebSocket } from 'ws'
import type {
  PreparedMessage, ReconnectingWebSocket, ReconnectingWebSocketEvents, WebSocket
} from '../../types/index.ts'
import { FST_WS_NOT_OPEN } from '../errors.ts'
import type { Data, SendCallback, SendOptions } from '../frames/frame-writer.ts'
import type { ReconnectSettings } from '../options/reconnect.ts'
import { MessageIterator } from '../socket/message-iterator.ts'
import type { Message } from '../socket/message-sequence.ts'
import { PendingMessages } from '../socket/pending-messages.ts'
import { Attempts } from './attempts.ts'

/** See the type ReconnectingWebSocket. */
export class ReconnectingSocket extends EventEmitter<ReconnectingWebSocketEvents> implements ReconnectingWebSocket {
  readonly CONNECTING = 0
  readonly OPEN = 1
  readonly CLOSING = 2
  readonly CLOSED = 3
  readonly #attempts: Attempts
  readonly #signal: AbortSignal | undefined
  #binaryType: WebSocket['binaryType'] = 'nodebuffer'
  #pendingMessages: PendingMessages | undefined
  #isPaused = false
  #hasOpened = false
  #isClosed = false

  /**
   * Starts the first attempt.
   *
   * @param open starts an attempt. What it throws the first time is thrown
   */
  constructor (open: () => WebSocket, settings: ReconnectSettings, signal?: AbortSignal) {
    super()
    this.#signal = signal
    this.#attempts = new Attempts(open, settings, {
      onSocket: (socket) => this.#onSocket(socket),
      onOpen: (socket) => this.#onOpen(socket),
      onError: (error) => { this.emit('error', error) },
      onWait: (event) => { this.emit('reconnecting', event) },
      onEnd: (code, reason, error) => this.#onEnd(code, reason, error)
    })
    if (signal?.aborted === true) this.#attempts.stop()
    else this.#attempts.start()
    signal?.addEventListener('abort', this.#signalOnAbort)
  }

  // Properties

  get readyState (): WebSocket['readyState'] {
    if (this.#isClosed) return this.CLOSED
    if (this.#attempts.isEnding) return this.CLOSING
    const { readyState = this.CLOSED } = this.#attempts.socket ?? {}
    return readyState === this.CLOSED ? this.CONNECTING : readyState
  }

  get binaryType (): WebSocket['binaryType'] {
    return this.#binaryType
  }

  set binaryType (type: WebSocket['binaryType']) {
    this.#binaryType = type
    if (this.#attempts.socket !== undefined) this.#attempts.socket.binaryType = type
  }

  get bufferedAmount (): number {
    return this.#attempts.socket?.bufferedAmount ?? 0
  }

  get extensions (): string {
    return this.#attempts.socket?.extensions ?? ''
  }

  get httpVersion (): '1.1' | '2' | undefined {
    return this.#attempts.socket?.httpVersion
  }

  get isPaused (): boolean {
    return this.#isPaused
  }

  get protocol (): string {
    return this.#attempts.socket?.protocol ?? ''
  }

  get url (): string {
    return this.#attempts.socket?.url ?? ''
  }

  /** A sender that waits for 'drain' continues with the next connection. */
  get writableNeedDrain (): boolean {
    return this.#openSocket?.writableNeedDrain ?? !this.#attempts.isEnding
  }

  get #openSocket (): WebSocket | undefined {
    return this.#attempts.socket?.readyState === this.OPEN ? this.#attempts.socket : undefined
  }

  // Reading

  [Symbol.asyncIterator] (): AsyncGenerator<string | Buffer, void, undefined> {
    return new MessageIterator(this.#asWebSocket, this.#getPendingMessages())
  }

  pause (): void {
    if (!this.#isClosed) this.#getPendingMessages().pause()
  }

  resume (): void {
    this.#pendingMessages?.resume()
  }

  #getPendingMessages (): PendingMessages {
    this.#pendingMessages ??= new PendingMessages(this.#asWebSocket, {
      emit: (message) => this.emit('message', ...message),
      pause: () => this.#setPaused(true),
      resume: () => this.#setPaused(false),
      onDropped: () => {}
    }, false)
    return this.#pendingMessages
  }

  /** What consumes messages uses only what this class has. */
  get #asWebSocket (): WsWebSocket {
    return this as unknown as WsWebSocket
  }

  #setPaused (isPaused: boolean): void {
    this.#isPaused = isPaused
    if (isPaused) this.#attempts.socket?.pause()
    else this.#attempts.socket?.resume()
  }

  // Writing

  send (data: Data | PreparedMessage, options?: SendOptions | SendCallback, callback?: SendCallback): void {
    if (typeof options === 'function') return this.send(data, {}, options)
    const socket = this.#openSocket
    if (socket === undefined) refuse(callback)
    else socket.send(data as Data, options ?? {}, callback)
  }

  ping (...parameters: Parameters<WebSocket['ping']>): void {
    this.#sendControl('ping', parameters)
  }

  pong (...parameters: Parameters<WebSocket['pong']>): void {
    this.#sendControl('pong', parameters)
  }

  #sendControl (method: 'ping' | 'pong', parameters: Parameters<WebSocket['ping']>): void {
    const socket = this.#openSocket
    if (socket === undefined) refuse(parameters.find((each) => typeof each === 'function'))
    else socket[method](...parameters)
  }

  // Closing

  close (code?: number, reason?: string | Buffer): void {
    // Throws if the code is invalid.
    this.#attempts.socket?.close(code, reason)
    this.#attempts.stop()
  }

  terminate (): void {
    this.#attempts.socket?.terminate()
    this.#attempts.stop()
  }

  readonly #signalOnAbort = (): void => this.terminate()

  #onEnd (code: number, reason: Buffer, error: Error | undefined): void {
    this.#signal?.removeEventListener('abort', this.#signalOnAbort)
    if (error !== undefined) this.emit('error', error)
    this.#isClosed = true
    this.#pendingMessages?.flush()
    this.emit('close', code, reason)
  }

  // Connections

  #onSocket (socket: WebSocket): void {
    socket.binaryType = this.#binaryType
    socket.on('upgrade', (response: IncomingMessage) => this.emit('upgrade', response))
    socket.on('message', (...message) => this.#onMessage(message as Message))
    socket.on('ping', (data) => this.emit('ping', data))
    socket.on('pong', (data) => this.emit('pong', data))
    socket.on('drain' as 'open', () => this.emit('drain'))
  }

  #onOpen (socket: WebSocket): void {
    if (this.#isPaused) socket.pause()
    this.emit(this.#hasOpened ? 'reconnected' : 'open')
    this.#hasOpened = true
    if (this.#openSocket?.writableNeedDrain === false) this.emit('drain')
  }

  #onMessage (message: Message): void {
    const isHeard = this.listenerCount('message') > 0
    if (isHeard && this.#pendingMessages?.isIdle !== false) this.emit('message', ...message)
    else this.#getPendingMessages().add(message)
  }
}

function refuse (callback: ((error?: Error) => void) | undefined): void {
  if (callback !== undefined) process.nextTick(callback, new FST_WS_NOT_OPEN())
}
