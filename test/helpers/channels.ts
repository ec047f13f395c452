import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import type { Test } from 'tap'
import type { HandshakeMessage } from '../../index.ts'

/** The messages of a channel, in the order in which they were published. */
export interface Recording<Message> extends Array<Message> {
  /** Waits until there are that many messages. */
  next (count?: number): Promise<void>
}

/** Records the messages of a channel until the test ends. */
export function record<Message> (t: Test, name: string, onMessage?: (message: Message) => void): Recording<Message> {
  const emitter = new EventEmitter()
  const messages: Message[] = []
  const listener = (message: unknown): void => {
    messages.push(message as Message)
    onMessage?.(message as Message)
    emitter.emit('message')
  }
  subscribe(`fastify-websocket-h2:${name}`, listener)
  t.teardown(() => { unsubscribe(`fastify-websocket-h2:${name}`, listener) })
  return Object.assign(messages, {
    next: async (count = 1) => { while (messages.length < count) await once(emitter, 'message') }
  })
}

/** Records what is published about handshakes until the test ends. */
export function recordTraces (t: Test): { names: string[], messages: HandshakeMessage[] } {
  const [names, messages] = [[] as string[], [] as HandshakeMessage[]]
  const listener = (name: string) => (message: unknown) => {
    names.push(name)
    messages.push(message as HandshakeMessage)
  }
  const channel = tracingChannel('fastify-websocket-h2.handshake')
  const subscribers = Object.fromEntries(['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((name) => [name, listener(name)]))
  channel.subscribe(subscribers as never)
  t.teardown(() => { channel.unsubscribe(subscribers as never) })
  return { names, messages }
}

/** Returns the members of messages that are no objects: those can be compared, and printed. */
export function brief (messages: readonly object[]): object[] {
  return messages.map((message) => {
    return Object.fromEntries(Object.entries(message).filter(([, value]) => typeof value !== 'object'))
  })
}
