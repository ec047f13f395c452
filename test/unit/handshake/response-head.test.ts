import t from 'tap'
import { FST_WS_INVALID_RESPONSE } from '../../../lib/errors.ts'
import { ResponseHeadReader } from '../../../lib/handshake/response-head.ts'

const MAX_SIZE = 32 * 1024

function bytes (text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function read (...chunks: string[]) {
  const reader = new ResponseHeadReader('/path')
  const heads = chunks.map((chunk) => reader.read(bytes(chunk)))
  const { text, status, rest } = heads.at(-1)!
  return { text, status, rest: String(rest), before: heads.slice(0, -1) }
}

void t.test('a head in one write is read, with the bytes behind it', async (t) => {
  t.strictSame(read('HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\ndata\r\n\r\n'), {
    text: 'HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n', status: 101, rest: 'data\r\n\r\n', before: []
  })
})

void t.test('a head in single bytes is read with the last one', async (t) => {
  const head = 'HTTP/1.1 403 No\r\na: b\r\n\r\n'
  const { before, ...last } = read(...head)
  t.strictSame(last, { text: head, status: 403, rest: '' })
  t.ok(before.every((each) => each === undefined))
})

void t.test('line feeds alone end lines, and are replaced', async (t) => {
  t.match(read('HTTP/1.0 400\na: b\r\nc:\n\ndata'), { text: 'HTTP/1.0 400\r\na: b\r\nc:\r\n\r\n', status: 400, rest: 'data' })
})

void t.test('interim responses are skipped, in any number of writes', async (t) => {
  t.match(read('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 429 No\r\n\r\n'), { status: 429 })
  t.match(read('HTTP/1.1 100 Continue\r\n\r', '\nHTTP', '/1.1 101 X\r\n\r\ndata'), { status: 101, rest: 'data' })
})

void t.test('the memory of a chunk may be reused after the write', async (t) => {
  const reader = new ResponseHeadReader('/path')
  const chunk = bytes('HTTP/1.1 101 X\r\na: b')
  reader.read(chunk)
  chunk.fill(0)
  t.match(reader.read(bytes('\r\n\r\n')), { text: 'HTTP/1.1 101 X\r\na: b\r\n\r\n' })
})

void t.test('a value keeps its bytes beyond ASCII', async (t) => {
  t.equal(read('HTTP/1.1 403 Verg\xe4\r\na: \x80\xff\r\n\r\n').text, 'HTTP/1.1 403 Verg\xe4\r\na: \x80\xff\r\n\r\n')
})

for (const [problem, text] of Object.entries({
  'another protocol': 'GET',
  'HTTP/2': 'HTTP/2 200\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 99\r\n\r\n',
  'a status of zeros': 'HTTP/1.1 000\r\n\r\n',
  'a status line without a status': 'HTTP/1.1\r\n\r\n',
  'a control character in the reason': 'HTTP/1.1 101 \0\r\n\r\n',
  'an empty line first': '\r\nHTTP/1.1 101 X\r\n\r\n',
  'a folded line': 'HTTP/1.1 101 X\r\na: b\r\n c\r\n\r\n',
  'a pseudo-header': 'HTTP/1.1 101 X\r\n:status: 200\r\n\r\n',
  'a space before the colon': 'HTTP/1.1 101 X\r\na : b\r\n\r\n',
  'a line without a colon': 'HTTP/1.1 101 X\r\na\r\n\r\n',
  'a carriage return in a value': 'HTTP/1.1 101 X\r\na: b\rc\r\n\r\n',
  'a NUL byte': 'HTTP/1.1 101 X\r\na: \0\r\n\r\n'
})) {
  void t.test(`${problem} throws FST_WS_INVALID_RESPONSE`, async (t) => {
    t.throws(() => read(text), FST_WS_INVALID_RESPONSE)
  })
}

void t.test('the error names the URL, and quotes the beginning of the malformed line', async (t) => {
  t.throws(() => read(`nonsense\x01${'x'.repeat(100)}`), {
    message: 'the response to the upgrade of "/path" must be one of HTTP/1.1 with the status 101, or 300 to 599, ' +
      `got "nonsense\\u0001${'x'.repeat(71)}"`
  })
})

void t.test('a head of 32 KiB is read, and one more byte throws', async (t) => {
  const head = (size: number): string => `HTTP/1.1 101 X\r\na:${'b'.repeat(size - 22)}\r\n\r\n`
  t.equal(read(head(MAX_SIZE)).text.length, MAX_SIZE)
  t.equal(read(`${head(MAX_SIZE)}data`).rest, 'data')
  t.throws(() => read(head(MAX_SIZE + 1)), /more than 32768 bytes/)
  t.throws(() => read('HTTP/1.1 101 X\r\na:', ...Array.from({ length: 33 }, () => 'b'.repeat(1024))), /more than 32768 bytes/)
})

void t.test('a head of 2000 fields is read, and one more throws', async (t) => {
  const head = (fields: number): string => `HTTP/1.1 101 X\r\n${'a:\r\n'.repeat(fields)}\r\n`
  t.equal(read(head(2000)).status, 101)
  t.throws(() => read(head(2001)), /more than 2000 fields/)
})
