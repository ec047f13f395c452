import t from 'tap'
import { didYouMean } from '../../../lib/options/did-you-mean.ts'

const NAMES = ['heartbeat', 'handshakeTimeout', 'closeTimeout', 'maxPayload', 'max', 'code', 'batch']

void t.test('a misspelt name suggests the closest name', async (t) => {
  for (const [misspelt, name] of [
    ['heartBeat', 'heartbeat'],
    ['hartbeat', 'heartbeat'],
    ['heartbeats', 'heartbeat'],
    ['heratbeat', 'heartbeat'],
    ['maxPaylaod', 'maxPayload'],
    ['closeTimeOut', 'closeTimeout'],
    ['MAX', 'max'],
    ['mac', 'max'],
    ['core', 'code'],
    ['bacth', 'batch']
  ] as const) t.equal(didYouMean(misspelt, NAMES), `: did you mean "${name}"?`, misspelt)
})

void t.test('a name that is far from all names suggests none', async (t) => {
  for (const name of ['', 'x', 'min', 'cdoe', 'coma', 'beat', 'maximum', 'timeout', 'verifyClient']) {
    t.equal(didYouMean(name, NAMES), '', name)
  }
  t.equal(didYouMean('max', []), '')
})

void t.test('of two close names the closer one is suggested', async (t) => {
  t.match(didYouMean('timer', ['times_', 'timers', 'time__']), '"timers"')
})

void t.test('an option of another level is suggested with its path', async (t) => {
  const paths = ['heartbeat', 'options.maxPayload', 'shutdown.code']
  t.equal(didYouMean('maxpayload', paths), ': did you mean "options.maxPayload"?')
  t.equal(didYouMean('code', paths), ': did you mean "shutdown.code"?')
  t.equal(didYouMean('options', paths), '', 'the path itself is no name')
})
