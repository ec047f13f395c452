import { createServer } from 'node:http2'
import t from 'tap'
import { raiseSessionMemory, roomForWideSlices } from '../../../lib/http2/session-memory.ts'
import { readServerOptions } from '../../../lib/internals/http2.ts'

const LIMITS = { maxConcurrentStreams: 1024, maxHeaderListSize: 16_384, sessionBudget: 128 * 1024 * 1024 }
/** Header lists, unread data, slices, data of reset streams, and a wide slice of each stream, in MB. */
const NEEDED = 17 + 135 + 10 + 9 + 17

void t.test('maxSessionMemory is raised to what the limits of a session allow', async (t) => {
  const server = createServer()
  t.equal(raiseSessionMemory(server, LIMITS), undefined)
  t.equal(readServerOptions(server).maxSessionMemory, NEEDED)

  const small = createServer()
  const limits = { maxConcurrentStreams: 1, maxHeaderListSize: 0, sessionBudget: 65_535 }
  t.equal(raiseSessionMemory(small, limits), undefined)
  t.equal(readServerOptions(small).maxSessionMemory, 19 + 1 + 1)
})

void t.test('a maxSessionMemory of the user is kept; if it is too small, a warning says why', async (t) => {
  const server = createServer({ maxSessionMemory: NEEDED - 1 })
  t.match(raiseSessionMemory(server, LIMITS), new RegExp(
    '1024 streams \\(maxConcurrentStreams\\) with headers of 16384 bytes \\(maxHeaderListSize\\), 134217728 bytes of ' +
    'unread data \\(receiveWindow.sessionBudget\\) and 36 MB for data to send need 188 MB, and maxSessionMemory is ' +
    '187 MB; set "maxSessionMemory: 188"'))
  t.equal(readServerOptions(server).maxSessionMemory, NEEDED - 1)
  for (const maxSessionMemory of [NEEDED, 1000]) {
    const other = createServer({ maxSessionMemory })
    t.equal(raiseSessionMemory(other, LIMITS), undefined)
    t.equal(readServerOptions(other).maxSessionMemory, maxSessionMemory)
  }
})

void t.test('maxSessionMemory is raised by 256 MB for header lists at most, with a warning if that is too little', async (t) => {
  const server = createServer()
  t.match(raiseSessionMemory(server, { ...LIMITS, maxHeaderListSize: 2 ** 32 - 1 }), /maxSessionMemory is 427 MB/)
  t.equal(readServerOptions(server).maxSessionMemory, 256 + 135 + 36)
})

void t.test('maxSessionMemory is raised by 256 MB for wide slices at most', async (t) => {
  const server = createServer()
  t.match(raiseSessionMemory(server, { ...LIMITS, maxConcurrentStreams: 2 ** 32 - 1 }), /maxSessionMemory is 666 MB/)
  t.equal(readServerOptions(server).maxSessionMemory, 256 + 135 + 19 + 256)
})

void t.test('there is room for wide slices where maxSessionMemory includes them', async (t) => {
  const raised = createServer()
  raiseSessionMemory(raised, LIMITS)
  t.equal(roomForWideSlices(raised), 17e6)

  for (const [maxSessionMemory, room] of [[NEEDED, 17e6], [NEEDED - 1, 0]] as const) {
    const server = createServer({ maxSessionMemory })
    raiseSessionMemory(server, LIMITS)
    t.equal(roomForWideSlices(server), room)
  }
  t.equal(roomForWideSlices(createServer()), 0, 'a server that the plugin does not serve')
  t.equal(roomForWideSlices(undefined), 0, 'a session of a client')
})
