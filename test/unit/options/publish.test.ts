import t from 'tap'
import { BROADCAST_OPTIONS, MESSAGE_OPTIONS, PUBLISH_OPTIONS, readMethodOptions } from '../../../lib/options/publish.ts'

const SOCKET = { readyState: 1 } as never

void t.test('options of publish() that are omitted are left out', async (t) => {
  for (const options of [undefined, null, {}, { binary: undefined, compress: null, except: undefined }]) {
    t.strictSame(readMethodOptions(options as object, 'publish', PUBLISH_OPTIONS), {})
  }
  const options = { binary: false, compress: true, except: SOCKET, route: '', filter: () => true }
  t.strictSame(readMethodOptions(options, 'broadcast', BROADCAST_OPTIONS), options)
})

void t.test('except accepts a socket and any iterable of objects, and refuses other values', async (t) => {
  for (const except of [SOCKET, [], [SOCKET], new Set([SOCKET]), new Map().values(), (function * () {})()]) {
    t.doesNotThrow(() => readMethodOptions({ except: except as never }, 'publish', PUBLISH_OPTIONS))
  }
  for (const [except, received] of [
    ['socket', '"socket"'], [5, '5'], [true, 'boolean'], [{}, 'object'], [() => true, 'function']
  ] as const) {
    t.throws(() => readMethodOptions({ except: except as never }, 'publish', PUBLISH_OPTIONS), {
      code: 'FST_WS_INVALID_OPTION',
      message: `option "except" of publish() must be a socket or an iterable of sockets, got ${received}`
    })
  }
})

void t.test('an option that is unknown, or whose value is invalid, is refused with the name of the method', async (t) => {
  const invalid: Array<[string, object, string]> = [
    ['prepare', { binary: 1 }, 'option "binary" of prepare() must be a boolean, got 1'],
    ['prepare', { compres: true }, 'option "compres" of prepare() must be one of binary, compress, got an option "compres": did you mean "compress"?'],
    ['prepare', [] as never, 'option "options" of prepare() must be an object, got object'],
    ['prepare', 'text' as never, 'option "options" of prepare() must be an object, got "text"']
  ]
  for (const [method, options, message] of invalid) {
    t.throws(() => readMethodOptions(options, method, MESSAGE_OPTIONS), { code: 'FST_WS_INVALID_OPTION', message })
  }
})
