import t from 'tap'
import { MessageSequence, NOWHERE, toPending } from '../../../lib/socket/message-sequence.ts'
import type { Message, Place } from '../../../lib/socket/message-sequence.ts'

/** Bytes that a pending message counts for in addition to its data. */
const OVERHEAD = 128

function text (value: string): Message {
  return [Buffer.from(value), false]
}

function fill (...values: string[]): MessageSequence {
  const sequence = new MessageSequence()
  for (const value of values) sequence.add(text(value))
  return sequence
}

/** Returns the messages from a place on. */
function textsFrom (place: Place): string[] {
  const texts: string[] = []
  for (let at = place; at.message !== undefined; at = at.next!) texts.push(String(at.message[0]))
  return texts
}

void t.test('messages are received in the order in which they were added', async (t) => {
  const sequence = fill('one', 'two')
  t.notOk(sequence.isEmpty)
  t.same(sequence.receive(), text('one'))
  sequence.add(text('three'))
  t.same(textsFrom(sequence.first), ['two', 'three'])
  t.same([sequence.receive(), sequence.receive()], [text('two'), text('three')])
  t.ok(sequence.isEmpty)
})

void t.test('a place leads to the messages from there on, received or not, and places are numbered', async (t) => {
  const sequence = fill('one', 'two')
  const { first } = sequence
  sequence.receive()
  sequence.add(text('three'))
  t.same(textsFrom(first), ['one', 'two', 'three'])
  t.equal(sequence.end.number - first.number, 3)
  t.equal(sequence.end.next, undefined)
})

void t.test('a message counts for its bytes and an overhead, whatever its binaryType', async (t) => {
  const bytes = Buffer.alloc(1000)
  for (const data of [bytes, [bytes, bytes.subarray(0, 0)], new Uint8Array(bytes).buffer, new Blob([bytes])]) {
    const sequence = new MessageSequence()
    sequence.add([data as Buffer, true])
    t.equal(sequence.bytes, 1000 + OVERHEAD)
    sequence.receive()
    t.equal(sequence.bytes, 0)
  }
  t.equal(fill('', '').bytes, 2 * OVERHEAD)
})

void t.test('a message that is released is not linked to those after it', async (t) => {
  const sequence = fill('one', 'two')
  const { first } = sequence
  sequence.receive()
  sequence.release(first)
  t.equal(first.message, undefined)
  t.equal(first.next, undefined)
  t.same(textsFrom(sequence.first), ['two'])
})

void t.test('a sequence that is cleared is empty, and the next message is its first', async (t) => {
  const sequence = fill('one', 'two')
  sequence.clear()
  t.ok(sequence.isEmpty)
  t.equal(sequence.bytes, 0)
  sequence.add(text('three'))
  t.same(textsFrom(sequence.first), ['three'])
  t.equal(sequence.bytes, 5 + OVERHEAD)
})

void t.test('messages that are detached do not keep the chunks alive in which they arrived', async (t) => {
  const chunk = Buffer.allocUnsafeSlow(64 * 1024).fill('x')
  const sequence = new MessageSequence()
  for (let count = 0; count < 3; count++) sequence.add([chunk.subarray(count, count + 100), true])
  const { first } = sequence
  sequence.receive()
  sequence.detach()
  const sizes: number[] = []
  for (let place = first; place !== sequence.end; place = place.next!) sizes.push(place.message![0].buffer.byteLength)
  t.same(sizes, [64 * 1024, 100, 100], 'a message that was received is not copied')
  t.same(sequence.receive(), [Buffer.alloc(100, 'x'), true])
  t.doesNotThrow(() => new MessageSequence().detach())
})

void t.test('a pending message is a copy with memory of its own; an ArrayBuffer or Blob has that already', async (t) => {
  const data = Buffer.from('text')
  const [copy, isBinary] = toPending([data, false])
  t.same([copy, isBinary], [data, false])
  t.equal(copy.buffer.byteLength, 4)
  for (const other of [new ArrayBuffer(4), new Blob(['x']), [data]]) {
    t.equal(toPending([other as unknown as Buffer, true])[0], other)
  }
})

void t.test('NOWHERE has no message, and cannot have one', async (t) => {
  t.equal(NOWHERE.next, undefined)
  t.throws(() => Object.assign(NOWHERE, { message: text('x') }), TypeError)
})
