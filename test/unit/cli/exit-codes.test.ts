import t from 'tap'
import { EXIT_CODES, toExitCode } from '../../../lib/cli/exit-codes.ts'
import { attemptOver, resultOf } from '../../helpers/probe.ts'

void t.test('0: a socket opened over the expected HTTP version', async (t) => {
  t.equal(toExitCode(resultOf(), false), 0)
  t.equal(toExitCode(resultOf({ expectedHttpVersion: '1.1', socket: attemptOver('1.1') }), false), 0)
})

void t.test('3: HTTP/2 was expected, and the server does not offer it', async (t) => {
  t.equal(toExitCode(resultOf({ socket: attemptOver('1.1') }), false), 3)
  t.equal(toExitCode(resultOf({ socket: attemptOver('2', { outcome: 'unavailable' }) }), false), 3)
})

void t.test('4: refused, 5: not answered', async (t) => {
  t.equal(toExitCode(resultOf({ socket: attemptOver('2', { outcome: 'refused', status: 403 }) }), false), 4)
  t.equal(toExitCode(resultOf({ socket: attemptOver('2', { outcome: 'failed' }) }), false), 5)
})

void t.test('6: the socket opened, and did not work, over any HTTP version', async (t) => {
  t.equal(toExitCode(resultOf({ socket: attemptOver('2', { endedEarly: true }) }), false), 6)
  t.equal(toExitCode(resultOf({ socket: attemptOver('1.1', { pings: null }) }), false), 6)
  t.equal(toExitCode(resultOf(), true), 6, 'no answer to the text of --send')
  const answer = { roundTripMs: 1, isBinary: false, bytes: 2, text: 'hi' }
  t.equal(toExitCode(resultOf({ socket: attemptOver('2', { answer }) }), true), 0)
})

void t.test('exit codes differ, and none is that of an uncaught exception', async (t) => {
  const codes = Object.values(EXIT_CODES).map(({ code }) => code)
  t.equal(new Set(codes).size, codes.length)
  t.notOk(codes.includes(1 as never))
})
