import { captureRejectionSymbol } from 'node:events'
import type { WebSocket as WsWebSocket } from 'ws'
import type { HttpVersion, PreparedMessage as PublicMessage } from '../../types/index.ts'
import { channels } from '../channels.ts'
import { FST_WS_UNSUPPORTED_RUNTIME } from '../errors.ts'
import { countBytes } from '../frames/count-bytes.ts'
import { countSends, heldBytesOf, isLast, shortenWrites } from '../frames/frame-writer.ts'
import type { Data, SendCallback, SendOptions } from '../frames/frame-writer.ts'
import { PreparedMessage } from '../frames/prepared-message.ts'
import { guardReceiver } from '../frames/ws-receiver.ts'
import { enableCaptureRejections } from '../internals/events.ts'
import { hasReceivedClose, hasReceiver } from '../internals/ws.ts'
import { isPromise } from '../options/validate.ts'
import { kAttachConnection, kConfigure, kDeliver, kDrain, kHandlerDone, kIsSlow } from '../symbols.ts'
import { CloseCode } from './close-code.ts'
import type { Connection } from './connection.ts'
import { delayEnd } from './delayed-end.ts'
import type { OnSent } from './delayed-end.ts'
import { MessageIterator } from './message-iterator.ts'
import type { Message } from './message-sequence.ts'
import { PendingMessages } from './pending-messages.ts'
import type { PluginSocket, SocketSettings } from './plugin-socket.ts'
import { SendPolicy } from './send-policy.ts'
import type { SocketRecord } from './socket-record.ts'
import { createTopicSocketClass, kSetTopics } from './topic-socket.ts'

/** Creates the class of the plugin's sockets. It extends the class of ws, or a class of the user that extends it. */
export function createSocketClass (Base: typeof WsWebSocket): typeof WsWebSocket {
  if (!hasReceiver()) throw new FST_WS_UNSUPPORTED_RUNTIME()
  return class extends createTopicSocketClass(Base) implements PluginSocket {
    readonly #sendPolicy = new SendPolicy(this)
    #connection: Connection | undefined
    #record: SocketRecord | undefined
    #log: SocketSettings['log']
    #onClose: SocketSettings['onClose']
    #onErrorRejection: SocketSettings['onErrorRejection']
    #isCompressed = false
    #endIfSent: OnSent | undefined
    #needsDrain = false
    #pendingMessages: PendingMessages | undefined
    #isHandled = false
    #closeCode: CloseCode | undefined

    get httpVersion (): HttpVersion | undefined {
      return this.#connection?.httpVersion
    }

    [kAttachConnection] (connection: Connection): void {
      this.#connection = connection
      this.#isCompressed = this.extensions !== ''
      if (this.#isCompressed) this.#endIfSent = delayEnd(this, connection.duplex)
      connection.reportDrain(this)
    }

    [kConfigure] ({ sendLimits, log, captureRejections = false, ...callbacks }: SocketSettings): void {
      this.#sendPolicy.limits = sendLimits
      this.#log = log
      this[kSetTopics](callbacks.topics)
      this.#record = callbacks.record
      if (callbacks.record !== undefined) countSends(this, callbacks.record)
      this.#onClose = callbacks.onClose
      this.#onErrorRejection = callbacks.onErrorRejection
      if (captureRejections) enableCaptureRejections(this)
    }

    [kHandlerDone] (): void {
      this.#isHandled = true
      this.#pendingMessages?.handlerReturned()
    }

    // Reading

    [Symbol.asyncIterator] (): AsyncGenerator<string | Buffer, void, undefined> {
      return new MessageIterator(this, this.#getPendingMessages())
    }

    override pause (): void {
      if (this.readyState === this.OPEN || this.readyState === this.CLOSING) this.#getPendingMessages().pause()
    }

    override resume (): void {
      if (this.#pendingMessages === undefined) super.resume()
      else this.#pendingMessages.resume()
    }

    #getPendingMessages (): PendingMessages {
      this.#pendingMessages ??= new PendingMessages(this, {
        emit: (message) => super.emit('message', ...message),
        pause: () => {
          super.pause()
          this.#record?.paused(true)
        },
        resume: () => {
          super.resume()
          this.#record?.paused(false)
        },
        onDropped: (warning) => this.#log?.warn(warning)
      }, this.#isHandled)
      return this.#pendingMessages
    }

    // Writing

    // @ts-expect-error @types/ws declares a property, and ws has a getter.
    override get bufferedAmount (): number {
      // @ts-expect-error The same.
      return super.bufferedAmount - (this.#connection?.bytesAlreadySent ?? 0)
    }

    get writableNeedDrain (): boolean {
      return this.#needsDrain || this.#connection?.duplex.writableNeedDrain === true
    }

    override send (message: Data | PublicMessage, options?: SendOptions | SendCallback, callback?: SendCallback): void {
      const done = typeof options === 'function' ? options : callback
      if (message instanceof PreparedMessage) this.#send(message.data, message.options, done)
      else this.#send(message as Data, options, callback, done)
    }

    #send (data: Data, options?: SendOptions | SendCallback, callback?: SendCallback, done = callback): void {
      const verdict = this.#sendPolicy.decide(isLast(options), options)
      if (verdict !== 'send') return this.#sendPolicy.reject(verdict, done, this.#record)
      if (this.#isCompressed) this.#sendCompressed(data, options === done ? {} : options as SendOptions, done)
      else super.send(data, options as SendOptions, callback)
      if (channels.backpressure.hasSubscribers && this.writableNeedDrain) this.#record?.blocked()
    }

    get [kIsSlow] (): boolean {
      return this.#sendPolicy.isExceeded
    }

    [kDeliver] ({ data, options }: PreparedMessage): boolean {
      return this.readyState === this.OPEN && this.#sendPolicy.isAccepted(() => {
        const result: unknown = this.send(data, options)
        // The `send()` of a class may be async.
        if (isPromise(result)) result.then(undefined, (error) => this[captureRejectionSymbol](error, 'send'))
      })
    }

    /** Sends by ws, and emits 'drain' itself: messages that wait to be compressed are not in the connection. */
    #sendCompressed (data: Data, options: SendOptions, callback: SendCallback | undefined): void {
      const isAccepted = this.readyState === this.OPEN
      super.send(data, options, (error) => {
        this.#endIfSent!(isAccepted ? error : undefined)
        // Like ws, which ignores anything else.
        if (typeof callback === 'function') callback(error)
        if (this.#needsDrain) this[kDrain]()
      })
      this.#needsDrain ||= this.bufferedAmount - heldBytesOf(this) >= this.#connection!.duplex.writableHighWaterMark
    }

    [kDrain] (): void {
      if (this.bufferedAmount > heldBytesOf(this)) return
      this.#needsDrain = false
      this.#record?.drained()
      this.emit('drain')
    }

    // Closing

    override close (code?: number, reason?: string | Buffer): void {
      this.#closeCode ??= new CloseCode()
      this.#closeCode.send(this.readyState === this.OPEN ? code : undefined)
      this.#record?.closing(hasReceivedClose(this) ? 'client' : 'server')
      super.close(code, reason)
    }

    override terminate (): void {
      this.#record?.closing('server')
      super.terminate()
    }

    override emit (event: string | symbol, ...parameters: unknown[]): boolean {
      switch (event) {
        case 'message':
          return this.#onMessage(parameters as Message)
        case 'open':
          // ws emits it when the socket has a receiver, which has not parsed anything yet.
          guardReceiver(this)
          shortenWrites(this)
          break
        case 'error':
          this.#closeCode?.onError(parameters[0])
          break
        case 'close':
          this.#onClose?.(this)
          this.#pendingMessages?.flush()
          parameters[0] = this.#resolveCloseCode(parameters[0] as number)
          this.#record?.closed(...parameters as [code?: number, reason?: Buffer])
          this.#onClose = this.#record = undefined
      }
      return super.emit(event, ...parameters)
    }

    /**
     * Called by Node with the rejection of an async listener. Another 'error' for a listener of 'error' could loop, and
     * without a listener it would end the process.
     */
    override [captureRejectionSymbol] (error: Error, event: string | symbol, ...parameters: unknown[]): void {
      const inherited = Base.prototype[captureRejectionSymbol]
      if (inherited !== undefined) inherited.call(this, error, event as string, ...parameters)
      else if (event !== 'error' && this.listenerCount('error') > 0) this.emit('error', error)
      else if (this.#onErrorRejection !== undefined) this.#onErrorRejection(error)
      else void Promise.reject(error)
    }

    #onMessage (message: Message): boolean {
      this.#record?.received(countBytes(message[0]))
      const isHeard = this.listenerCount('message') > 0
      if (isHeard && this.#pendingMessages?.isIdle !== false) return super.emit('message', message[0], message[1])
      this.#getPendingMessages().add(message)
      return isHeard
    }

    #resolveCloseCode (reported: number): number {
      return this.#closeCode?.resolve(reported, this.#connection?.hasFinishedWriting === true) ?? reported
    }
  }
}
