import t from 'tap'
import { describeError } from '../../../lib/cli/errors.ts'

void t.test('an error of Node has its code and message', async (t) => {
  const error = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
  t.same(describeError(error), { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' })
  t.same(describeError(new Error('a\n  b\n')), { code: 'UNKNOWN', message: 'a b' })
})

void t.test('an error of OpenSSL has its reason, without lines of its source', async (t) => {
  const error = Object.assign(new Error('80EB1E:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../x.c:354:\n'), {
    code: 'ERR_SSL_WRONG_VERSION_NUMBER', library: 'SSL routines', reason: 'wrong version number'
  })
  t.same(describeError(error), { code: 'ERR_SSL_WRONG_VERSION_NUMBER', message: 'TLS: wrong version number' })
})

void t.test('a parse error of HTTP has its message, although it has a reason', async (t) => {
  const error = Object.assign(new Error('Parse Error: Expected HTTP/'), { code: 'HPE_INVALID_CONSTANT', reason: 'Expected HTTP/' })
  t.equal(describeError(error).message, 'Parse Error: Expected HTTP/')
})

void t.test('an error of several addresses has the message of each', async (t) => {
  const errors = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}`))
  const error = Object.assign(new AggregateError(errors), { code: 'ECONNREFUSED' })
  t.same(describeError(error), {
    code: 'ECONNREFUSED', message: 'connect ECONNREFUSED ::1; connect ECONNREFUSED 127.0.0.1'
  })
})
