import assert from 'node:assert/strict'
import fc from 'fast-check'
import { testProperty } from './property.ts'

/** Messages of a room. */
const COUNT = 12

interface Message {
  type: 'message'
  number: number
  id: string
}

interface RoomOfExample {
  receive (answer: Message | { type: 'welcome' } | { type: 'history', messages: Message[], newest: number }): void
  close (): void
}

// A variable path: the examples are JavaScript without types.
const { Room } = await import(String(new URL('../../examples/cluster/page/room.js', import.meta.url))) as {
  Room: new (send: (data: string) => void, onMessage: (message: Message) => void) => RoomOfExample
}

const LOG = Array.from({ length: COUNT }, (_value, index): Message => ({ type: 'message', number: index + 1, id: `${index}` }))

/**
 * The messages that the relay delivers, in their order. Before some of them the client opens another socket, and before
 * others the node answers from the log.
 */
const values = fc.record({
  relayed: fc.array(fc.integer({ min: 1, max: COUNT }), { maxLength: 3 * COUNT }),
  opened: fc.array(fc.nat({ max: 3 * COUNT }), { maxLength: 5 }),
  answered: fc.array(fc.nat({ max: 3 * COUNT }), { maxLength: 10 })
})

await testProperty('examples/cluster: a room shows the messages of the log once and in order, whatever the relay loses, repeats or delays', {
  runs: 500
}, values, ({ relayed, opened, answered }) => {
  const shown: number[] = []
  const requests: number[] = []
  let newest = 0
  const room = new Room(
    (data) => requests.push((JSON.parse(data) as { after: number | null }).after ?? 0),
    ({ number }) => shown.push(number)
  )

  try {
    for (const [index, number] of relayed.entries()) {
      if (opened.includes(index)) room.receive({ type: 'welcome' })
      if (answered.includes(index)) answer()
      newest = Math.max(newest, number)
      room.receive(LOG[number - 1]!)
    }
    newest = COUNT
    room.receive({ type: 'welcome' })
    while (requests.length > 0) answer()
    assert.deepEqual(shown, LOG.map(({ number }) => number))
  } finally {
    room.close()
  }

  function answer (): void {
    for (const after of requests.splice(0)) room.receive({ type: 'history', messages: LOG.slice(after, newest), newest })
  }
})
