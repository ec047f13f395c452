import t from 'tap'
import { TopicSet } from '../../../lib/topics/topic-set.ts'

void t.test('a set is read as any other, in the order of the subscriptions', async (t) => {
  const topics = new TopicSet()
  for (const topic of ['b', 'a', 'b', '']) topics.include(topic)
  t.strictSame([...topics], ['b', 'a', ''])
  t.strictSame([topics.size, topics.has('a'), topics.has('c')], [3, true, false])
  t.strictSame(new Set(topics), new Set(['b', 'a', '']))
})

void t.test('exclude() returns whether the set had the topic', async (t) => {
  const topics = new TopicSet()
  topics.include('a')
  t.strictSame([topics.exclude('a'), topics.exclude('a'), topics.size], [true, false, 0])
})

void t.test('add(), delete() and clear() throw, and name the method to call', async (t) => {
  const topics = new TopicSet()
  topics.include('a')
  t.throws(() => topics.add('b'), { name: 'TypeError', message: 'socket.topics is read-only: call socket.subscribe()' })
  for (const change of [() => topics.delete('a'), () => topics.clear()]) {
    t.throws(change, { name: 'TypeError', message: 'socket.topics is read-only: call socket.unsubscribe()' })
  }
  t.strictSame([...topics], ['a'])
})
