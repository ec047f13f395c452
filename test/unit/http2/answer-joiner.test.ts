import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { AnswerJoiner, areSeveralAnswers } from '../../../lib/http2/answer-joiner.ts'
import type { AnsweringStream } from '../../../lib/http2/answer-joiner.ts'

/** Creates a pipelined stream that records when it is corked. */
function createStream (name = '', calls: string[] = []): AnsweringStream & { calls: string[] } {
  const stream = { cork: () => { calls.push(`cork ${name}`) }, uncork: () => { calls.push(`uncork ${name}`) } }
  return { stream, isPipelined: true, chunks: 0, calls }
}

void t.test('a stream is corked once in a turn of the event loop, until its end', async (t) => {
  const joiner = new AnswerJoiner()
  const calls: string[] = []
  const [a, b] = [createStream('a', calls), createStream('b', calls)]
  for (const stream of [a, b, a, a, b]) joiner.add(stream)
  t.same(calls, ['cork a', 'cork b'])
  await nextTurn()
  t.same(calls.splice(0), ['cork a', 'cork b', 'uncork a', 'uncork b'])

  joiner.add(a)
  await nextTurn()
  t.same(calls, ['cork a', 'uncork a'], 'and again in a later turn')
})

void t.test('a stream stays pipelined as long as several chunks arrive in one turn', async (t) => {
  const joiner = new AnswerJoiner()
  const stream = createStream()
  for (let turn = 0; turn < 3; turn++) {
    joiner.add(stream)
    joiner.add(stream)
    await nextTurn()
    t.equal(stream.isPipelined, true)
  }
  joiner.add(stream)
  await nextTurn()
  t.equal(stream.isPipelined, false)
  t.equal(stream.chunks, 0)
})

void t.test('a chunk that arrives while answers are sent belongs to the next turn', async (t) => {
  const joiner = new AnswerJoiner()
  const calls: string[] = []
  const stream = createStream('', calls)
  stream.stream.uncork = () => {
    calls.push('uncork')
    if (calls.length === 2) joiner.add(stream)
  }
  joiner.add(stream)
  await nextTurn()
  await nextTurn()
  t.same(calls, ['cork ', 'uncork', 'cork ', 'uncork'])
})

void t.test('several answers are at least three small writes', async (t) => {
  t.equal(areSeveralAnswers(3, 3 * 66), true)
  t.equal(areSeveralAnswers(2, 66), false, 'the header and the payload of one message')
  t.equal(areSeveralAnswers(3, 3 * 1024), true)
  t.equal(areSeveralAnswers(3, 3 * 1024 + 1), false, 'large messages')
})
