import { EventEmitter } from 'node:events'
import t from 'tap'
import type { WebSocket } from 'ws'
import { OpenSockets } from '../../../lib/socket/open-sockets.ts'
import { waitTurns } from '../../helpers/waiting.ts'

function sockets (count: number): WebSocket[] {
  return Array.from({ length: count }, () => new EventEmitter()) as WebSocket[]
}

void t.test('open sockets are those that were added, and not removed', async (t) => {
  const [first, second] = sockets(2)
  const shared = new Set([first!])
  const open = new OpenSockets(shared)
  open.add(second!)
  t.same([open.size, ...open], [2, first, second])
  open.remove(first!)
  t.same([...open], [second])
  t.same([...shared], [second], 'the set of ws is the same')
})

void t.test('untilClosed() resolves when the last of its sockets was removed', async (t) => {
  const [first, second, other] = sockets(3)
  const open = new OpenSockets()
  let ended = 0
  for (const waited of [[first!, second!], [second!]]) void open.untilClosed(waited).then(() => { ended++ })
  open.remove(first!)
  open.remove(other!)
  await waitTurns()
  t.equal(ended, 0)
  open.remove(second!)
  open.remove(second!)
  await waitTurns()
  t.equal(ended, 2)
})

void t.test('untilClosed() resolves at once without sockets', async (t) => {
  await new OpenSockets().untilClosed([])
  t.pass()
})

void t.test('untilClosed() resolves when a socket emits \'close\' that nothing else removes', async (t) => {
  const [socket] = sockets(1)
  const open = new OpenSockets(new Set([socket!]))
  const waits = [open.untilClosed([socket!]), open.untilClosed(open)]
  t.equal(socket!.listenerCount('close'), 1)
  socket!.emit('close')
  await Promise.all(waits)
  t.equal(open.size, 0)
})
