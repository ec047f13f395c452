import fc from 'fast-check'
import t from 'tap'
import { createEnvelope, decodeData, encodeData, escapeTopic, isEnvelope, topicOf, topicOfNode } from '../../../lib/relay/envelope.ts'
import { ODD_TOPICS } from './odd-topics.ts'

void t.test('a topic at the relay has only letters, digits, _, -, % and ., and no wildcard', async (t) => {
  for (const topic of ODD_TOPICS) {
    t.match(topicOf(escapeTopic(topic)), /^fastify-websocket-h2\.(?:topic-[\w%-]{0,200}|hash-[0-9a-f]{64})$/, topic)
  }
  t.equal(topicOf(escapeTopic('room-7_a')), 'fastify-websocket-h2.topic-room-7_a')
  t.equal(topicOf(escapeTopic('a/b')), 'fastify-websocket-h2.topic-a%002fb')
  t.match(topicOfNode('7'), 'fastify-websocket-h2.node-7')
})

void t.test('different topics are different at the relay', async (t) => {
  t.equal(new Set(ODD_TOPICS.map((topic) => topicOf(escapeTopic(topic)))).size, ODD_TOPICS.length)
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
  const topics = fc.array(fc.string({ unit }))
  fc.assert(fc.property(topics, (topics) => new Set(topics).size === new Set(topics.map(escapeTopic)).size))
})

void t.test('data survives its envelope, as text or as bytes', async (t) => {
  const bytes = Buffer.from([0, 255, 128, 10])
  for (const [data, isBinary, expected] of [
    ['text 😀', false, 'text 😀'],
    ['', false, ''],
    ['text', true, Buffer.from('text')],
    [Buffer.from('text'), false, 'text'],
    [bytes, true, bytes],
    [new Uint8Array([9, 0, 255, 9]).subarray(1, 3), true, Buffer.from([0, 255])],
    [Buffer.alloc(0), true, Buffer.alloc(0)]
  ] as const) {
    const envelope = { topic: '', id: '', name: '', data: encodeData(data, isBinary), binary: isBinary }
    t.same(decodeData(JSON.parse(JSON.stringify(envelope))), expected)
  }
})

void t.test('createEnvelope() returns an envelope with the topic at the relay', async (t) => {
  const envelope = createEnvelope('7', 'a/b', Buffer.from([255]), true)
  t.same(envelope, { topic: 'fastify-websocket-h2.topic-a%002fb', id: '7', name: 'a%002fb', data: '/w==', binary: true })
  t.ok(isEnvelope(envelope, 'a%002fb'))
})

void t.test('an envelope has the name of its topic, an id, data and its kind', async (t) => {
  const valid = { topic: 'any', id: '1', name: 'a', data: '', binary: false }
  t.ok(isEnvelope(valid, 'a'))
  for (const invalid of [
    undefined, null, 'text', 7, {}, [], { ...valid, name: 'b' }, { ...valid, id: undefined }, { ...valid, data: Buffer.alloc(1) },
    { ...valid, binary: 1 }
  ]) t.notOk(isEnvelope(invalid, 'a'), JSON.stringify(invalid))
})
