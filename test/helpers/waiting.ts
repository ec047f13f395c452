import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { WebSocket } from 'ws'

/** Time in ms after which a test gives up: less than the 30 s after which ws gives up a closing handshake. */
export const TIME_LIMIT = 15_000

/** Waits until a condition holds. It is evaluated once per turn of the event loop. */
export async function waitUntil (
  condition: () => boolean, description = 'the condition', limit = TIME_LIMIT
): Promise<void> {
  for (const start = performance.now(); !condition();) {
    if (performance.now() - start > limit) throw new Error(`waited ${limit} ms in vain: ${description}`)
    await nextTurn()
  }
}

/** Waits for some turns of the event loop. */
export async function waitTurns (count = 1): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}

/** Waits until each of these has emitted 'close', and long enough for a second 'close' to be noticed. */
export async function allClosed (emitters: EventEmitter[]): Promise<void> {
  let open = emitters.length
  for (const emitter of emitters) emitter.once('close', () => { open-- })
  await waitUntil(() => open === 0, 'everything is closed')
  await waitTurns(2)
}

export interface CloseEvent {
  code: number
  reason: string
}

/** Waits for the 'close' of a socket. Rejects if it emits an error first. */
export async function closed (socket: WebSocket): Promise<CloseEvent> {
  socket.on('error', () => {})
  const [code, reason] = await once(socket, 'close')
  return { code, reason: String(reason) }
}

/** Waits for the next message of a socket. */
export async function nextMessage (socket: WebSocket): Promise<{ data: Buffer, isBinary: boolean }> {
  const [data, isBinary] = await once(socket, 'message')
  return { data, isBinary }
}

/** Waits for the next message of a socket, as text. */
export async function nextText (socket: WebSocket): Promise<string> {
  return String((await nextMessage(socket)).data)
}

/** Waits for the next messages of a socket, as texts in order. */
export async function nextTexts (socket: WebSocket, count: number): Promise<string[]> {
  const texts: string[] = []
  await new Promise<void>((resolve) => {
    const listener = (data: unknown): void => {
      if (texts.push(String(data)) < count) return
      socket.off('message', listener)
      resolve()
    }
    socket.on('message', listener)
  })
  return texts
}

/** Sends a ping and waits for its pong: the peer has then received everything that was sent before. */
export async function roundTrip (socket: WebSocket): Promise<void> {
  socket.ping()
  await once(socket, 'pong')
}
