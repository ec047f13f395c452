import { createServer } from 'node:http2'
import t from 'tap'
import { raiseSessionMemory } from '../../../lib/http2/session-memory.ts'
import { readServerOptions } from '../../../lib/internals/http2.ts'

const LIMITS = { maxConcurrentStreams: 1024, maxHeaderListSize: 16_384, sessionBudget: 128 * 1024 * 1024 }
/** 17 MB of header lists, 135 MB of unread data, 10 MB for data to send, and 9 MB for data of reset streams. */
const NEEDED = 171

void t.test('maxSessionMemory is raised to what the limits of a session allow', async (t) => {
  const server = createServer()
  t.equal(raiseSessionMemory(server, LIMITS), undefined)
  t.equal(readServerOptions(server).maxSessionMemory, NEEDED)

  const small = createServer()
  const limits = { maxConcurrentStreams: 1, maxHeaderListSize: 0, sessionBudget: 65_535 }
  t.equal(raiseSessionMemory(small, limits), undefined)
  t.equal(readServerOptions(small).maxSessionMemory, 19 + 1)
})

void t.test('a maxSessionMemory of the user is kept; if it is too small, a warning says why', async (t) => {
  const server = createServer({ maxSessionMemory: NEEDED - 1 })
  t.match(raiseSessionMemory(server, LIMITS), new RegExp(
    '1024 streams \\(maxConcurrentStreams\\) with headers of 16384 bytes \\(maxHeaderListSize\\), 134217728 bytes of ' +
    'unread data \\(receiveWindow.sessionBudget\\) and 19 MB for data to send need 171 MB, and maxSessionMemory is ' +
    '170 MB; set "maxSessionMemory: 171"'))
  t.equal(readServerOptions(server).maxSessionMemory, NEEDED - 1)
  for (const maxSessionMemory of [NEEDED, 1000]) {
    const other = createServer({ maxSessionMemory })
    t.equal(raiseSessionMemory(other, LIMITS), undefined)
    t.equal(readServerOptions(other).maxSessionMemory, maxSessionMemory)
  }
})

void t.test('maxSessionMemory is raised by 256 MB for header lists at most, with a warning if that is too little', async (t) => {
  for (const limits of [{ maxConcurrentStreams: 2 ** 32 - 1 }, { maxHeaderListSize: 2 ** 32 - 1 }]) {
    const server = createServer()
    t.match(raiseSessionMemory(server, { ...LIMITS, ...limits }), /maxSessionMemory is 410 MB/)
    t.equal(readServerOptions(server).maxSessionMemory, 256 + 135 + 19)
  }
})
