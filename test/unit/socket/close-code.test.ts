import t from 'tap'
import { CloseCode } from '../../../lib/socket/close-code.ts'

const ABNORMAL = 1006
const PROTOCOL_ERROR = Object.assign(new RangeError('invalid opcode 3'), { code: 'WS_ERR_INVALID_OPCODE' })
const INFLATE_ERROR = Object.assign(new Error('invalid distance'), { code: 'Z_DATA_ERROR' })

void t.test('after a protocol error the close code is that of the Close frame that was sent', async (t) => {
  for (const [error, code] of [[PROTOCOL_ERROR, 1002], [INFLATE_ERROR, 1007]] as const) {
    const closeCode = new CloseCode()
    closeCode.send(code)
    closeCode.onError(error)
    t.equal(closeCode.resolve(ABNORMAL, true), code)
  }
})

void t.test('after a protocol error the close code is 1006 if the Close frame was not sent', async (t) => {
  const closeCode = new CloseCode()
  closeCode.send(1002)
  closeCode.onError(PROTOCOL_ERROR)
  t.equal(closeCode.resolve(ABNORMAL, false), ABNORMAL)
})

void t.test('a close code of the peer is kept', async (t) => {
  const closeCode = new CloseCode()
  closeCode.send(1002)
  closeCode.onError(PROTOCOL_ERROR)
  for (const code of [1000, 1005, 4000]) t.equal(closeCode.resolve(code, true), code)
})

void t.test('the close code is 1006 if a Close frame was sent without a protocol error, and the peer did not answer', async (t) => {
  const closeCode = new CloseCode()
  closeCode.send(4000)
  t.equal(closeCode.resolve(ABNORMAL, true), ABNORMAL)
  const others = [new Error('of a listener'), Object.assign(new Error(), { code: 'FST_WS_SLOW_CONSUMER' }), 'no error', undefined]
  for (const error of others) {
    closeCode.onError(error)
    t.equal(closeCode.resolve(ABNORMAL, true), ABNORMAL)
  }
})

void t.test('the close code is 1006 if a protocol error follows a Close frame that was sent already', async (t) => {
  const closeCode = new CloseCode()
  closeCode.send(4000)
  closeCode.send(undefined)
  closeCode.onError(PROTOCOL_ERROR)
  t.equal(closeCode.resolve(ABNORMAL, true), ABNORMAL)
})

void t.test('a close() after the protocol error does not change the close code', async (t) => {
  const closeCode = new CloseCode()
  closeCode.send(1002)
  closeCode.onError(PROTOCOL_ERROR)
  closeCode.send(undefined)
  t.equal(closeCode.resolve(ABNORMAL, true), 1002)
})
