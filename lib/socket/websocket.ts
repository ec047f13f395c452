import type { Duplex } from 'node:stream'
import type { WebSocket as WsWebSocket } from 'ws'
import { FST_WS_SLOW_CONSUMER } from '../errors.ts'
import { sendsImmediately } from '../internals/ws.ts'
import { PendingMessages } from './pending-messages.ts'
import type { PausableSocket } from './pending-messages.ts'
import { MessageIterator } from './message-iterator.ts'
import type { Message } from './message-sequence.ts'
import { writeShort } from '../frames/frame-writer.ts'
import type { Data, SendCallback, SendOptions } from '../frames/frame-writer.ts'
import { isProtocolError } from '../error-handling.ts'
import { guardReceiver } from '../frames/ws-receiver.ts'
import { decide } from './slow-consumer.ts'
import type { Verdict } from './slow-consumer.ts'
import { NO_LIMITS } from '../options/send-limits.ts'
import type { SendLimits } from '../options/send-limits.ts'
import { countGone, hasSaidAll, holdEnd, trackWrites } from '../http2/stream-socket.ts'
import { kAttachConnection, kHandlerDone, kLog, kSendLimits } from '../symbols.ts'
import type { WebSocket } from '../../types/index.ts'

/** A socket of a route, or of a client, as we know it. */
export interface PluginSocket extends WebSocket {
  /** What carries the socket. */
  [kAttachConnection] (connection: Duplex): void
  /** Default: no limit. */
  [kSendLimits]: SendLimits
  /** Where to say that messages were dropped. Default: nowhere. */
  [kLog]: { warn (message: string): void } | undefined
  /** The handler has returned, or its promise has settled. */
  [kHandlerDone] (): void
}

// RFC 6455 section 7.4.1.
const ABNORMAL_CLOSURE = 1006
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011

/**
 * Makes the class of our sockets from that of ws, or from one that a user made of it.
 *
 * @param isPlain whether its `send` does nothing to a message that is not compressed, but to frame it
 */
export function createSocketClass (Base: typeof WsWebSocket, isPlain: boolean): typeof WsWebSocket {
  return class extends Base implements PluginSocket {
    [kSendLimits] = NO_LIMITS;
    [kLog]: PluginSocket[typeof kLog] = undefined
    #connection: Duplex | undefined
    #deflates = false
    #isPlain = false
    #needsDrain = false
    #part: Verdict | undefined
    #isJudging = false
    #hold: PendingMessages | undefined
    #isHandled = false
    /** The code of the Close that is being sent. */
    #closesWith: number | undefined
    /** The code of the Close that answers an error of the peer. */
    #told: number | undefined

    [kAttachConnection] (connection: Duplex): void {
      this.#connection = connection
      trackWrites(connection)
      holdEnd(connection)
      this.#deflates = this.extensions !== ''
      this.#isPlain = isPlain && !this.#deflates
      connection.on('drain', () => this.#drain())
    }

    [kHandlerDone] (): void {
      this.#isHandled = true
      this.#hold?.handlerReturned()
    }

    // Reading

    [Symbol.asyncIterator] (): AsyncGenerator<string | Buffer, void, undefined> {
      return new MessageIterator(this, this.#holder)
    }

    override pause (): void {
      if (this.readyState === this.OPEN || this.readyState === this.CLOSING) this.#holder.pause()
    }

    override resume (): void {
      if (this.#hold === undefined) super.resume()
      else this.#hold.resume()
    }

    get #holder (): PendingMessages {
      this.#hold ??= new PendingMessages(this, this.#held, this.#isHandled)
      return this.#hold
    }

    get #held (): PausableSocket {
      return {
        emit: (message) => super.emit('message', ...message),
        pause: () => super.pause(),
        resume: () => super.resume(),
        onDropped: (warning) => this[kLog]?.warn(warning)
      }
    }

    // Writing

    // @ts-expect-error @types/ws has a property where ws has a getter.
    override get bufferedAmount (): number {
      // @ts-expect-error The same.
      return super.bufferedAmount - (this.#connection === undefined ? 0 : countGone(this.#connection))
    }

    get writableNeedDrain (): boolean {
      return this.#needsDrain || this.#connection?.writableNeedDrain === true
    }

    override send (data: Data, options?: SendOptions | SendCallback, callback?: SendCallback): void {
      if (typeof options === 'function') return this.send(data, {}, options)
      // An option that is there and undefined is false for ws.
      const { fin, mask, binary } = { fin: true, mask: false, binary: typeof data !== 'string', ...options }
      const isWhole = fin && this.#part === undefined
      const verdict = this.#judge(fin)
      if (verdict !== 'send') return this.#refuse(verdict, callback)
      if (isWhole && !mask && this.#isShortCutOpen && writeShort(this.#connection!, data, binary, callback)) return
      // Node counts the characters of a string that waits, and not its bytes.
      if (typeof data === 'string') this.#pass(Buffer.from(data), { binary: false, ...options }, callback)
      else this.#pass(data, options ?? {}, callback)
    }

    get #isShortCutOpen (): boolean {
      return this.#isPlain && this.readyState === this.OPEN && sendsImmediately(this)
    }

    #pass (data: Data, options: SendOptions, callback: SendCallback | undefined): void {
      if (this.#deflates) this.#sendDeflated(data, options, callback)
      else super.send(data, options, callback)
    }

    /** A message is sent as a whole or not at all, so its first part decides for the others. */
    #judge (isLast: boolean): Verdict {
      const verdict = this.#part === 'drop' ? 'drop' : this.#consult(this.#part === 'send')
      this.#part = isLast ? undefined : verdict
      return verdict
    }

    #consult (hasBegun: boolean): Verdict {
      const { bufferedAmount, [kSendLimits]: { sendLimit, slowConsumer } } = this
      // What slowConsumer sends is not asked about: it would be called for ever.
      if (bufferedAmount <= sendLimit || this.readyState !== this.OPEN || this.#isJudging) return 'send'

      this.#isJudging = true
      const verdict = decide(slowConsumer, this, bufferedAmount)
      this.#isJudging = false
      return verdict === 'drop' && hasBegun ? 'close' : verdict
    }

    #refuse (verdict: Verdict, callback: SendCallback | undefined): void {
      const error = verdict instanceof Error
        ? verdict
        : new FST_WS_SLOW_CONSUMER(this.bufferedAmount, this[kSendLimits].sendLimit)
      if (callback !== undefined) process.nextTick(callback, error)
      if (verdict === 'drop') return
      if (verdict === 'close') this.close(POLICY_VIOLATION, 'slow consumer')
      else this.close(INTERNAL_ERROR)
      process.nextTick(() => this.emit('error', error))
    }

    /** What waits for its turn to be compressed is not the connection's yet, and none of its 'drain'. */
    #sendDeflated (data: Data, options: SendOptions, callback: SendCallback | undefined): void {
      super.send(data, options, (error) => {
        callback?.(error)
        if (this.#needsDrain) this.#drain()
      })
      this.#needsDrain ||= this.bufferedAmount >= this.#connection!.writableHighWaterMark
    }

    #drain (): void {
      if (this.bufferedAmount > 0) return
      this.#needsDrain = false
      this.emit('drain')
    }

    // Closing

    override close (code?: number, reason?: string | Buffer): void {
      this.#closesWith = this.readyState === this.OPEN ? code : undefined
      super.close(code, reason)
    }

    override emit (event: string | symbol, ...parameters: unknown[]): boolean {
      if (event === 'message') return this.#receive(parameters as Message)
      // Servers and clients emit it as soon as they have a receiver, and before that has parsed anything.
      if (event === 'open') guardReceiver(this)
      if (event === 'error' && isProtocolError(parameters[0])) this.#told = this.#closesWith
      if (event === 'close') {
        this.#hold?.flush()
        if (parameters[0] === ABNORMAL_CLOSURE) parameters[0] = this.#closedWith()
      }
      return super.emit(event, ...parameters)
    }

    /** ws knows a code only if the peer sent one. One that broke the protocol was told its code, if it read so far. */
    #closedWith (): number {
      const wasTold = this.#connection !== undefined && hasSaidAll(this.#connection)
      return (wasTold ? this.#told : undefined) ?? ABNORMAL_CLOSURE
    }

    #receive (message: Message): boolean {
      const isHeard = this.listenerCount('message') > 0
      if (isHeard && this.#hold?.isIdle !== false) return super.emit('message', message[0], message[1])
      this.#holder.add(message)
      return isHeard
    }
  }
}
