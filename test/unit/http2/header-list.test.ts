import { maxHeaderSize } from 'node:http'
import { createServer } from 'node:http2'
import t from 'tap'
import { readHeaderListLimit, sizeOfHeaderList } from '../../../lib/http2/header-list.ts'

void t.test('the size of a header list is that of its names and values, and 32 bytes for each field', async (t) => {
  t.equal(sizeOfHeaderList([]), 0)
  t.equal(sizeOfHeaderList([':path', '/', 'cookie', 'a=1']), 6 + 9 + 2 * 32)
})

void t.test('the limit of header lists is that of HTTP/1.1, unless the settings of the server have one', async (t) => {
  t.equal(readHeaderListLimit(createServer()), maxHeaderSize)
  t.equal(readHeaderListLimit(Object.assign(createServer(), { maxHeaderSize: 20_000 })), 20_000)
  t.equal(readHeaderListLimit(Object.assign(createServer(), { maxHeaderSize: 0 })), maxHeaderSize)
  t.equal(readHeaderListLimit(createServer({ settings: { maxHeaderListSize: 30_000 } })), 30_000)
  t.equal(readHeaderListLimit(createServer({ settings: { maxHeaderListSize: 0 } })), 0)
})

void t.test('maxHeaderSize, the alias of the setting, precedes maxHeaderListSize, as in Node', async (t) => {
  const settings = { maxHeaderSize: 40_000, maxHeaderListSize: 30_000 }
  t.equal(readHeaderListLimit(createServer({ settings })), 40_000)
  const server = createServer()
  server.updateSettings({ maxHeaderSize: 50_000 } as object)
  t.equal(readHeaderListLimit(server), 50_000)
})
