import t from 'tap'
import { GATEWAY_OPTIONS, readGatewayOptions } from '../../../lib/options/gateway.ts'
import { PLUGIN_OPTIONS } from '../../../lib/options/plugin.ts'

void t.test('options of the gateway that are omitted have the defaults of the plugin', async (t) => {
  t.same(readGatewayOptions({}), { handshakeTimeout: 30_000, onError: undefined, settings: {}, receiveWindow: {} })
  t.same(readGatewayOptions({ handshakeTimeout: null as never, receiveWindow: undefined }), readGatewayOptions({}))
  for (const name of ['handshakeTimeout', 'maxConcurrentStreams', 'receiveWindow'] as const) {
    t.equal(GATEWAY_OPTIONS[name], PLUGIN_OPTIONS[name], name)
  }
})

void t.test('settings of HTTP/2 are those that were given', async (t) => {
  const onError = (): void => {}
  const receiveWindow = { initial: 2048, max: 4096 }
  t.same(readGatewayOptions({ handshakeTimeout: 0, maxConcurrentStreams: 5, receiveWindow, onError }), {
    handshakeTimeout: 0,
    onError,
    settings: { maxConcurrentStreams: 5, initialWindowSize: 2048 },
    receiveWindow
  })
})

void t.test('invalid and unknown options of the gateway throw FST_WS_INVALID_OPTION', async (t) => {
  for (const [options, message] of [
    [{ handshakeTimeout: -1 }, /option "handshakeTimeout" must be an integer/],
    [{ maxConcurrentStreams: 0 }, /option "maxConcurrentStreams" must be/],
    [{ receiveWindow: { initial: 1 } }, /option "receiveWindow.initial" must be/],
    [{ onError: 'log' }, /option "onError" must be a function, got "log"/],
    [{ handshakeTimeOut: 1 }, /did you mean "handshakeTimeout"/]
  ] as const) {
    t.throws(() => readGatewayOptions(options as never), { code: 'FST_WS_INVALID_OPTION', message })
  }
})
