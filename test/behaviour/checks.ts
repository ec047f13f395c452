import type { Test } from 'tap'
import { errorsIn } from '../helpers/logs.ts'
import type { ConnectOptions, Fixture } from '../helpers/transports.ts'
import { nextText } from '../helpers/waiting.ts'

/** Checks that a handshake is refused and logged once, and that no header was injected into its response. */
export async function checkRefusal (
  t: Test, fixture: Fixture, status: number, code: string | undefined, options?: ConnectOptions
): Promise<void> {
  const refusal = await fixture.refused('/echo', options)
  t.equal(refusal.status, status)
  t.notOk('x-split' in refusal.headers)
  t.equal(errorsIn(fixture.logs).length, 1)
  if (code !== undefined) t.equal(errorsIn(fixture.logs)[0]?.err?.code, code)
}

/** Checks that a socket opens, and that its server echoes. */
export async function checkEcho (t: Test, { open }: Fixture): Promise<void> {
  const socket = await open('/echo')
  const echoed = nextText(socket)
  socket.send('still here')
  t.equal(await echoed, 'still here')
}
