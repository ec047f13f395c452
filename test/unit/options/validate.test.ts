import t from 'tap'
import {
  BOOLEAN_OR_OBJECT, BYTES, COUNT, MILLISECONDS, MILLISECONDS_OR_INFINITY, describe, isBetween, isPromise,
  isSyncFunction, isToken, validate, validateStrict
} from '../../../lib/options/validate.ts'

const CHECKS = { count: COUNT, bytes: BYTES }

const formatName = (name: string): string => `"set.${name}"`

void t.test('validate refuses the first invalid value, in the order of the checks', async (t) => {
  t.throws(() => validate({ bytes: -1, count: -2 }, CHECKS), {
    code: 'FST_WS_INVALID_OPTION', message: 'option "count" must be an integer of at least 0, got -2'
  })
  t.throws(() => validate({ bytes: 'x' }, CHECKS, formatName), {
    message: 'option "set.bytes" must be an integer of at least 0 (bytes), got "x"'
  })
})

void t.test('validate accepts omitted values, unknown names and no options', async (t) => {
  for (const options of [{ count: null, bytes: undefined }, { unknown: -1, constructor: 1 }, {}, null, undefined]) {
    t.doesNotThrow(() => validate(options, CHECKS))
  }
})

void t.test('validateStrict refuses an unknown name, with the names and the closest of them', async (t) => {
  t.throws(() => validateStrict({ counts: 1 }, CHECKS, formatName), {
    code: 'FST_WS_INVALID_OPTION',
    message: 'option "set.counts" must be one of count, bytes, got an option "counts": did you mean "count"?'
  })
  t.throws(() => validateStrict({ size: 1 }, CHECKS, formatName), {
    message: 'option "set.size" must be one of count, bytes, got an option "size"'
  })
  t.throws(() => validateStrict({ constructor: 1 }, CHECKS, formatName), { code: 'FST_WS_INVALID_OPTION' })
  t.throws(() => validateStrict({ size: 1, count: -1 }, CHECKS, formatName), { message: /"set.count"/ }, 'values first')
  for (const options of [{ count: 1 }, { size: null, sizes: undefined }, {}, null, undefined]) {
    t.doesNotThrow(() => validateStrict(options, CHECKS, formatName))
  }
})

void t.test('validateStrict may have other words for the known names, and suggest other names', async (t) => {
  t.throws(() => validateStrict({ size: 1 }, CHECKS, undefined, { expected: 'known', suggested: ['set.sizes'] }), {
    message: 'option "size" must be known, got an option "size": did you mean "set.sizes"?'
  })
  t.throws(() => validateStrict({ counts: 1 }, CHECKS, undefined, { suggested: [] }), {
    message: 'option "counts" must be one of count, bytes, got an option "counts"'
  })
})

void t.test('checks know their limits', async (t) => {
  t.same([0, 2 ** 31 - 1, 2 ** 31, -1].map(MILLISECONDS.isValid), [true, true, false, false])
  t.same([0, Infinity, 2 ** 31, -1].map(MILLISECONDS_OR_INFINITY.isValid), [true, true, false, false])
  t.same([0, 2 ** 53 - 1, 2 ** 53, 0.5, NaN, '1', 1n].map(COUNT.isValid), [true, true, false, false, false, false, false])
  t.same([1, 2, 3, 4].map(isBetween(2, 3)), [false, true, true, false])
  t.same([true, {}, [], null, 'yes'].map(BOOLEAN_OR_OBJECT.isValid), [true, true, false, false, false])
})

void t.test('a token has the characters of RFC 9110 section 5.6.2', async (t) => {
  for (const token of ['chat', 'v1.chat', '!#$%&\'*+-.^_`|~09azAZ']) t.ok(isToken(token), token)
  for (const value of ['', 'a b', 'a,b', '"a"', 'a/b', 'ü', 'a\n', 7, null]) t.notOk(isToken(value), String(value))
})

void t.test('promises and async functions are recognized', async (t) => {
  t.same([Promise.resolve(), { then () {} }, { then: 1 }, null].map(isPromise), [true, true, false, false])
  t.same([() => {}, async () => {}, {}].map(isSyncFunction), [true, false, false])
})

void t.test('describe shows strings and numbers, and the type of other values', async (t) => {
  for (const [value, text] of [
    ['a "b"', '"a \\"b\\""'], [NaN, 'NaN'], [true, 'boolean'], [{}, 'object'], [[], 'object'], [1n, 'bigint'],
    [Symbol('s'), 'symbol'], [() => {}, 'function'], [async () => {}, 'an async function']
  ] as Array<[unknown, string]>) t.equal(describe(value), text)
})
