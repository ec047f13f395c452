import t from 'tap'
import { PreparedMessage, kPrepared, prepareMessage, preparedOf } from '../../../lib/frames/prepared-message.ts'
import { BINARY, TEXT, readWsFrames } from '../../helpers/ws-frames.ts'

/** Returns the opcode and the payload of the frame of a message. */
function framed (data: unknown, options?: object): [opcode: number, payload: string] {
  const message = prepareMessage(data, options)
  const [[frame], rest] = readWsFrames(message.frame)
  t.equal(rest.length, 0)
  t.same(frame!.payload, message.payload)
  t.equal(message.byteLength, message.payload.length)
  t.equal(message.isBinary, frame!.opcode === BINARY)
  t.match(frame, { fin: true, masked: false, rsv: 0 })
  return [frame!.opcode, frame!.payload.toString('latin1')]
}

void t.test('a string is text as it is, also an empty one', async (t) => {
  t.same(framed('text'), [TEXT, 'text'])
  t.same(framed(''), [TEXT, ''])
  t.same(framed('"quoted"'), [TEXT, '"quoted"'])
  t.same(framed('\ud800'), [TEXT, '\xef\xbf\xbd'])
})

void t.test('bytes of any type are binary, without the bytes around them', async (t) => {
  const bytes = Uint8Array.of(0, 1, 2, 255, 4)
  const { buffer } = bytes
  const shared = new SharedArrayBuffer(2)
  new Uint8Array(shared).set([7, 8])
  for (const [data, expected] of [
    [Buffer.from('bytes'), 'bytes'], [Buffer.alloc(0), ''],
    [bytes, '\x00\x01\x02\xff\x04'], [bytes.subarray(1, 3), '\x01\x02'], [buffer, '\x00\x01\x02\xff\x04'],
    [new DataView(buffer, 2, 2), '\x02\xff'], [new Uint16Array(Uint8Array.of(1, 2, 3, 4).buffer, 2, 1), '\x03\x04'],
    [shared, '\x07\x08'], [new Uint8Array(shared, 1), '\x08']
  ] as const) t.same(framed(data), [BINARY, expected])
})

void t.test('anything else is its JSON, as text', async (t) => {
  const date = new Date(0)
  for (const [data, expected] of [
    [{ a: 1, b: undefined }, '{"a":1}'], [[1, 'two', undefined], '[1,"two",null]'], [null, 'null'], [5, '5'],
    [true, 'true'], [date, '"1970-01-01T00:00:00.000Z"'], [{ toJSON: () => 'own' }, '"own"'],
    // eslint-disable-next-line no-new-wrappers
    [new String('boxed'), '"boxed"'], [{ lone: '\ud800' }, '{"lone":"\\ud800"}']
  ] as const) t.same(framed(data), [TEXT, expected])
})

void t.test('binary decides the type of the message, whatever the data is', async (t) => {
  t.same(framed('text', { binary: true }), [BINARY, 'text'])
  t.same(framed({}, { binary: true }), [BINARY, '{}'])
  t.same(framed(Buffer.from('bytes'), { binary: false }), [TEXT, 'bytes'])
  t.same(framed(new SharedArrayBuffer(1), { binary: false }), [TEXT, '\0'])
})

void t.test('bytes that are not UTF-8 cannot be text: the peers would fail with 1007', async (t) => {
  t.throws(() => prepareMessage(Buffer.of(0xff), { binary: false }), {
    code: 'FST_WS_INVALID_MESSAGE', message: /got bytes that are not UTF-8, as text \(/
  })
})

void t.test('a value without JSON is FST_WS_INVALID_MESSAGE, which names it', async (t) => {
  for (const [data, received] of [
    [undefined, 'undefined'], [() => {}, 'function'], [Symbol('s'), 'symbol'], [{ toJSON () {} }, 'object'],
    [new Blob(['x']), 'a Blob: pass "await blob.bytes()"'], [Promise.resolve(), 'a promise: await it']
  ] as const) {
    t.throws(() => prepareMessage(data), {
      code: 'FST_WS_INVALID_MESSAGE',
      message: `a message must be a string, bytes, an object or a prepared message, got ${received} (see docs/topics.md)`
    })
  }
})

void t.test('a value that JSON.stringify() refuses is FST_WS_INVALID_MESSAGE, with the reason and its cause', async (t) => {
  const circular: { self?: object } = {}
  circular.self = circular
  const failure = new Error('boom')
  for (const [data, reason] of [
    [circular, 'Converting circular structure to JSON'], [1n, 'Do not know how to serialize a BigInt'],
    [{ nested: [1n] }, 'Do not know how to serialize a BigInt'], [{ toJSON () { throw failure } }, 'boom'],
    // eslint-disable-next-line no-throw-literal
    [{ toJSON () { throw undefined } }, 'toJSON() threw undefined']
  ] as const) {
    t.throws(() => prepareMessage(data), {
      code: 'FST_WS_INVALID_MESSAGE',
      message: `a message must be a string, bytes, an object or a prepared message, got a value that has no JSON: ${reason} (see docs/topics.md)`,
      cause: { message: new RegExp(`^${reason.replace(/[()]/g, '\\$&')}`) }
    })
  }
})

void t.test('a message has a copy of the data, which may change afterwards', async (t) => {
  const bytes = Buffer.from('before')
  const message = prepareMessage(bytes)
  bytes.write('after!')
  t.equal(String(message.payload), 'before')
})

void t.test('a prepared message is returned, and has its options already', async (t) => {
  const message = prepareMessage('text', { compress: false })
  t.equal(prepareMessage(message), message)
  t.equal(prepareMessage(message, { binary: undefined }), message)
  for (const options of [{ binary: true }, { compress: true }]) {
    t.throws(() => prepareMessage(message, options), {
      code: 'FST_WS_INVALID_MESSAGE', message: /got a prepared one, with options that only prepare\(\) takes \(/
    })
  }
})

void t.test('the options for send() have the type, compress only if it was set, and the message', async (t) => {
  const plain = new PreparedMessage('text', false)
  t.strictSame(Reflect.ownKeys(plain.options), ['binary', kPrepared])
  t.equal(plain.data, 'text')
  for (const compress of [true, false]) {
    t.match(new PreparedMessage(Buffer.of(1), true, compress).options, { binary: true, compress })
  }
})

void t.test('preparedOf: returns the message of options and their copies, and undefined without', async (t) => {
  const message = prepareMessage('text')
  t.equal(preparedOf(message.options), message)
  t.equal(preparedOf({ ...message.options, fin: true }), message)
  for (const options of [undefined, null, {}, () => {}]) t.equal(preparedOf(options), undefined)
})
