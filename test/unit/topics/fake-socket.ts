import { EventEmitter } from 'node:events'
import type { PreparedMessage } from '../../../lib/frames/prepared-message.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { decide } from '../../../lib/socket/slow-consumer.ts'
import { kDeliver, kIsSlow } from '../../../lib/symbols.ts'

/** A socket in memory, with the texts that it has received. */
export class FakeSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  readonly texts: string[] = []
  /** Called before a message is received. */
  onSend: (text: string) => void = () => {}
  /** The option slowConsumer of a slow socket. Undefined for one that is not slow. */
  slowConsumer: (() => 'drop' | 'send' | void) | undefined
  #isDeciding = false

  get [kIsSlow] (): boolean {
    return this.slowConsumer !== undefined
  }

  [kDeliver] ({ data }: PreparedMessage): boolean {
    if (this.readyState !== this.OPEN) return false
    if (this.slowConsumer !== undefined && !this.#isDeciding) {
      this.#isDeciding = true
      const verdict = decide(this.slowConsumer, this as never, 1)
      this.#isDeciding = false
      if (verdict instanceof Error) throw verdict
      if (verdict === 'drop') return false
    }
    this.onSend(String(data))
    this.texts.push(String(data))
    return true
  }

  /** Returns it as a socket of the plugin. */
  get socket (): PluginSocket {
    return this as unknown as PluginSocket
  }
}

/** Creates some sockets. */
export function createSockets (count: number): FakeSocket[] {
  return Array.from({ length: count }, () => new FakeSocket())
}
