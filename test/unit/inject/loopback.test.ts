import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { createLoopback } from '../../../lib/inject/loopback.ts'
import { waitTurns } from '../../helpers/waiting.ts'

void t.test('data arrives at the other end in a later turn, and then the end of the stream', async (t) => {
  const [one, other] = createLoopback()
  const received = readAll(other)
  let arrived = false
  other.on('data', () => { arrived = true })
  one.write('a')
  one.write('b')
  one.end('c')
  await Promise.resolve()
  await new Promise(process.nextTick)
  t.equal(arrived, false)
  t.equal(await received, 'abc')
  t.equal(one.destroyed, false, 'the other direction is still open')

  other.end('bye')
  t.equal(await readAll(one), 'bye')
})

void t.test('an end that does not read applies backpressure to the other', async (t) => {
  const [one, other] = createLoopback()
  const chunk = Buffer.alloc(64 * 1024)
  let written = 0
  while (one.write(chunk)) written++
  for (let count = 0; count < 20; count++) one.write(chunk, () => { written++ })
  await waitTurns(50)
  t.ok(written < 20, String(written))
  t.ok(other.readableLength <= 2 * chunk.length, String(other.readableLength))

  one.end()
  let read = 0
  for await (const piece of other) read += piece.length
  t.ok(read >= 20 * chunk.length)
})

void t.test('after destroy() of one end the other receives the data sent before, and is destroyed', async (t) => {
  const [one, other] = createLoopback()
  one.write('last words')
  await new Promise(setImmediate)
  one.destroy()
  t.equal(await readAll(other), 'last words')
  if (!other.destroyed) await once(other, 'close')
  t.equal(other.destroyed, true)
})

void t.test('an end whose peer is destroyed is closed without an error, although it has unsent data', async (t) => {
  const [one, other] = createLoopback()
  for (let count = 0; count < 5; count++) one.write(Buffer.alloc(64 * 1024))
  await new Promise(setImmediate)
  other.destroy()
  one.resume()
  await once(one, 'close')
  t.equal(one.errored, null)
})

void t.test('bytesWritten is the number of bytes that have been written to an end', async (t) => {
  const [one, other] = createLoopback() as [Duplex & { bytesWritten: number }, Duplex]
  t.equal(one.bytesWritten, 0)
  one.write('é')
  t.equal(one.bytesWritten, 2)
  one.end('last')
  t.equal(await readAll(other), 'élast')
  t.equal(one.bytesWritten, 6)
})

async function readAll (end: Duplex): Promise<string> {
  let all = ''
  for await (const chunk of end.iterator({ destroyOnReturn: false })) all += String(chunk)
  return all
}
