import { on } from 'node:events'
import type { Duplex } from 'node:stream'
import type { WebSocket as WsWebSocket } from 'ws'
import { FST_WS_SLOW_CONSUMER } from './errors.ts'
import { sendsAtOnce } from './internals.ts'
import { MessageHold, toValue } from './message-hold.ts'
import type { Message } from './message-hold.ts'
import { writeShort } from './message-writer.ts'
import type { Data, SendCallback, SendOptions } from './message-writer.ts'
import { isPeerError } from './peer-error.ts'
import { guardReceiver } from './receiver.ts'
import { countGone, hasSaidAll } from './stream-socket.ts'
import { kConnect, kHandled, kSendLimits } from './symbols.ts'
import type { SlowConsumer, WebSocket } from '../types/index.ts'

/** What a socket may have waiting to be sent, and what becomes of one that has more. */
export interface SendLimits {
  /** in bytes */
  sendLimit: number
  slowConsumer: SlowConsumer
}

/** A socket of a route, or of a client, as we know it. */
export interface RouteSocket extends WebSocket {
  /** What carries the socket. */
  [kConnect] (connection: Duplex): void
  /** Default: no limit. */
  [kSendLimits]: SendLimits
  /** The handler has returned, or its promise has settled. */
  [kHandled] (): void
}

type Verdict = 'send' | 'drop' | 'close'

// RFC 6455 section 7.4.1.
const ABNORMAL_CLOSURE = 1006
const POLICY_VIOLATION = 1008

/** Messages that a reader may have waiting before its socket is paused. */
const READ_AHEAD = 16

export const NO_LIMITS: SendLimits = Object.freeze({ sendLimit: Infinity, slowConsumer: 'close' })

/**
 * Makes the class of our sockets from that of ws, or from one that a user made of it.
 *
 * @param isPlain whether its `send` does nothing to a message that is not compressed, but to frame it
 */
export function createSocketClass (Base: typeof WsWebSocket, isPlain: boolean): typeof WsWebSocket {
  return class extends Base implements RouteSocket {
    [kSendLimits] = NO_LIMITS
    #connection: Duplex | undefined
    #deflates = false
    #isPlain = false
    #needsDrain = false
    #part: Verdict | undefined
    #hold: MessageHold | undefined
    #isHandled = false
    /** The code of the Close that is being sent. */
    #closesWith: number | undefined
    /** The code of the Close that answers an error of the peer. */
    #told: number | undefined

    [kConnect] (connection: Duplex): void {
      this.#connection = connection
      this.#deflates = this.extensions !== ''
      this.#isPlain = isPlain && !this.#deflates
      connection.on('drain', () => this.#drain())
    }

    [kHandled] (): void {
      this.#isHandled = true
      this.#hold?.endWait()
    }

    // Reading

    async * [Symbol.asyncIterator] (): AsyncGenerator<string | Buffer, void, undefined> {
      if (this.readyState === this.CLOSED) {
        for (const message of this.#hold?.takeAll() ?? []) yield toValue(message)
        return
      }
      const messages = on(this, 'message', { close: ['close'], highWaterMark: READ_AHEAD, lowWaterMark: READ_AHEAD / 2 })
      try {
        for await (const message of messages) yield toValue(message as Message)
      } finally {
        await this.#putBack(messages as AsyncIterator<Message, undefined>)
      }
    }

    override pause (): void {
      this.#hold?.yieldPause()
      super.pause()
    }

    override resume (): void {
      super.resume()
      if (this.#hold?.isEmpty === false) this.#hold.deliverSoon()
    }

    async #putBack (messages: AsyncIterator<Message, undefined>): Promise<void> {
      const left: Message[] = []
      for (let next = await messages.next(); next.done !== true; next = await messages.next()) left.push(next.value)
      if (left.length > 0) this.#holder.putBack(left)
    }

    get #holder (): MessageHold {
      this.#hold ??= new MessageHold(this, (message) => super.emit('message', ...message), this.#isHandled)
      return this.#hold
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
      return this.#isPlain && this.readyState === this.OPEN && sendsAtOnce(this)
    }

    #pass (data: Data, options: SendOptions, callback: SendCallback | undefined): void {
      if (this.#deflates) this.#sendDeflated(data, options, callback)
      else super.send(data, options, callback)
    }

    /** A message is sent as a whole or not at all, so its first part decides for the others. */
    #judge (isLast: boolean): Verdict {
      const verdict = this.#part === 'drop' ? 'drop' : this.#consult()
      this.#part = isLast ? undefined : verdict
      return verdict
    }

    #consult (): Verdict {
      const { bufferedAmount, [kSendLimits]: { sendLimit, slowConsumer } } = this
      if (bufferedAmount <= sendLimit || this.readyState !== this.OPEN) return 'send'

      const verdict = typeof slowConsumer === 'function' ? slowConsumer(this, bufferedAmount) : slowConsumer
      return verdict === 'drop' && this.#part === 'send' ? 'close' : verdict ?? 'send'
    }

    #refuse (verdict: Verdict, callback: SendCallback | undefined): void {
      const error = new FST_WS_SLOW_CONSUMER(this.bufferedAmount, this[kSendLimits].sendLimit)
      if (callback !== undefined) process.nextTick(callback, error)
      if (verdict === 'drop') return
      this.close(POLICY_VIOLATION, 'slow consumer')
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
      if (event === 'error' && isPeerError(parameters[0])) this.#told = this.#closesWith
      if (event === 'close') {
        this.#hold?.deliver()
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
      if (isHeard && this.#hold?.isEmpty !== false) return super.emit('message', message[0], message[1])
      this.#holder.add(message)
      return isHeard
    }
  }
}
