import t from 'tap'
import { PrivateMemory, copyPrivately } from '../../../lib/frames/private-memory.ts'

const SLAB = 4096

// The first of these tests: an earlier one would have started a timer.
void t.test('a memory that is not used for a second keeps no slab, and its timer does not keep the process alive', async (t) => {
  const { setTimeout } = globalThis
  const callbacks: Array<() => void> = []
  let unrefs = 0
  globalThis.setTimeout = ((callback: () => void) => {
    callbacks.push(callback)
    return { unref () { unrefs++ } }
  }) as unknown as typeof setTimeout
  t.teardown(() => { globalThis.setTimeout = setTimeout })

  const [one, other] = [new PrivateMemory(), new PrivateMemory()]
  for (let second = 1; second <= 2; second++) {
    for (const memory of [one, other]) {
      t.equal(memory.allocate(100).buffer.byteLength, 100, 'the first after a pause')
      t.equal(memory.allocate(100).buffer.byteLength, SLAB)
    }
    t.equal(callbacks.length, second)
    t.equal(unrefs, second)
    callbacks.at(-1)!()
  }
})

void t.test('copyPrivately returns a copy that shares no memory', async (t) => {
  for (const size of [0, 1, 64, 65, 1000, 20_000]) {
    const copy = copyPrivately(Buffer.alloc(size, 7))
    t.ok(copy.equals(Buffer.alloc(size, 7)))
    t.equal(copy.buffer.byteLength, size)
  }
})

void t.test('a Buffer that is large, small, or the first after a pause shares no memory', async (t) => {
  const memory = new PrivateMemory()
  for (const size of [0, 1, 64, 300, 1, 64, 1025, 20_000]) {
    const taken = memory.allocate(size)
    t.equal(taken.length, size)
    t.equal(taken.buffer.byteLength, size)
  }
})

void t.test('other Buffers share slabs of the same memory, filled with zeros', async (t) => {
  const memory = new PrivateMemory()
  memory.allocate(100)
  const slabs = new Set<ArrayBufferLike>()
  const taken = Array.from({ length: 100 }, (_, index) => {
    const each = memory.allocate(100)
    slabs.add(each.buffer)
    const rest = Buffer.from(each.buffer as ArrayBuffer).subarray(each.byteOffset)
    t.ok(rest.equals(Buffer.alloc(rest.length)), 'zeros')
    return each.fill(index)
  })
  t.ok(taken.every((each, index) => each.equals(Buffer.alloc(100, index))), 'none overlaps another')
  t.strictSame([...slabs].map(({ byteLength }) => byteLength), [SLAB, SLAB, SLAB])
})

void t.test('two memories share no slab', async (t) => {
  const [one, other] = [new PrivateMemory(), new PrivateMemory()]
  for (const memory of [one, other]) memory.allocate(100)
  t.not(one.allocate(100).buffer, other.allocate(100).buffer)
  t.equal(one.allocate(100).buffer, one.allocate(100).buffer)
})
