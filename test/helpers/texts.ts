import type { WebSocket } from 'ws'
import { roundTrip } from './waiting.ts'

/** Returns a list that the messages of a socket are added to, as texts. */
export function recordTexts (socket: WebSocket): string[] {
  const texts: string[] = []
  socket.on('message', (data) => texts.push(String(data)))
  return texts
}

/** Sends texts, and waits until the server has received them. */
export async function sendTexts (socket: WebSocket, texts: string[]): Promise<void> {
  for (const each of texts) socket.send(each)
  await roundTrip(socket)
}
