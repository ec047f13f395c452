import { EventEmitter } from 'node:events'
import type { WebSocket } from 'ws'
import { MessageIterator } from '../../../lib/socket/message-iterator.ts'
import { PendingMessages } from '../../../lib/socket/pending-messages.ts'

/** A socket that has pending messages from the beginning. */
export class PendingSocket extends EventEmitter {
  readonly CLOSED = 3
  readyState = 1
  /** Whether the connection is paused. */
  isPaused = false
  readonly warnings: string[] = []
  readonly pending: PendingMessages

  /** @param isHandled whether the handler has returned */
  constructor (isHandled = false) {
    super()
    this.pending = new PendingMessages(this as unknown as WebSocket, {
      emit: (message) => { this.emit('message', ...message) },
      pause: () => { this.isPaused = true },
      resume: () => { this.isPaused = false },
      onDropped: (warning) => { this.warnings.push(warning) }
    }, isHandled)
  }

  /** Receives messages, each a text. */
  receive (...texts: string[]): void {
    for (const text of texts) this.pending.add([Buffer.from(text), false])
  }

  iterate (): MessageIterator {
    return new MessageIterator(this as unknown as WebSocket, this.pending)
  }

  close (): void {
    this.readyState = this.CLOSED
    this.pending.flush()
    this.emit('close')
  }

  /** Adds a listener, and returns the texts that it receives. */
  collect (): string[] {
    const texts: string[] = []
    this.on('message', (data) => texts.push(String(data)))
    return texts
  }
}

/** Takes all messages in a loop, and returns the texts that it has taken so far. */
export function collectFrom (iterator: MessageIterator): string[] {
  const texts: string[] = []
  void (async () => { for await (const each of iterator) texts.push(String(each)) })()
  return texts
}
