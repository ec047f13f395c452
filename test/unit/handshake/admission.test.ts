import { once } from 'node:events'
import t from 'tap'
import type { RefusalCause } from '../../../index.ts'
import { Admission, chooseRetryAfter } from '../../../lib/handshake/admission.ts'
import type { AdmissionLimits } from '../../../lib/handshake/admission.ts'
import type { RefusedHandshake } from '../../../lib/handshake/upgrade.ts'
import { createLog, readToEnd, receiveUpgrade } from '../../helpers/pending-upgrade.ts'
import type { PendingUpgrade } from '../../helpers/pending-upgrade.ts'

const NONE = { open: 0, pending: 0, refused: 0 }

/** Causes of the handshakes that opened no socket. */
const causes = new WeakMap<Admission, RefusalCause[]>()

function create (limits: Partial<AdmissionLimits> = {}): { admission: Admission, logs: object[] } {
  const { log, logs } = createLog()
  const defaults = { maxSockets: Infinity, maxPendingHandshakes: 4096, compressionBudget: Infinity }
  const onRefused = ({ cause }: RefusedHandshake): void => { causes.get(admission)!.push(cause) }
  const admission = new Admission({ ...defaults, ...limits }, log, onRefused)
  causes.set(admission, [])
  return { admission, logs }
}

function countersOf (admission: Admission): typeof NONE {
  const refused = causes.get(admission)!.filter((cause) => cause.startsWith('max_')).length
  return { open: admission.open, pending: admission.pending, refused }
}

/** Returns a handshake that looks as if it were of an HTTP/2 session. */
async function receiveOf (session: object): Promise<PendingUpgrade> {
  const received = await receiveUpgrade()
  Object.assign(received.request, { stream: { session } })
  return received
}

void t.test('admit: a handshake is pending until its response is closed', async (t) => {
  for (const end of ['answer', 'reset'] as const) {
    const { admission } = create()
    const { request, response, upgrade, client } = await receiveUpgrade()
    t.ok(admission.admit(request, upgrade))
    t.same(countersOf(admission), { open: 0, pending: 1, refused: 0 })
    const closed = once(response, 'close')
    if (end === 'answer') response.writeHead(403).end()
    else request.socket.destroy()
    client.resume()
    await closed
    t.same(countersOf(admission), NONE)
    t.same(causes.get(admission), [end === 'answer' ? 'reply' : 'aborted'], 'it is reported once')
  }
})

void t.test('admit: more than maxPendingHandshakes are refused with 503 and Retry-After', async (t) => {
  const { admission, logs } = create({ maxPendingHandshakes: 1 })
  const first = await receiveUpgrade()
  t.ok(admission.admit(first.request, first.upgrade))
  const second = await receiveUpgrade()
  t.notOk(admission.admit(second.request, second.upgrade))
  const response = await readToEnd(second.client)
  t.match(response, /^HTTP\/1\.1 503 Service Unavailable\r\nretry-after: \d+\r\ncontent-length: 0\r\n[^]*\r\n\r\n$/)
  t.same(countersOf(admission), { open: 0, pending: 1, refused: 1 })
  t.match(logs, [{ level: 40, option: 'maxPendingHandshakes', limit: 1, refused: 1 }])
  first.client.destroy()
})

void t.test('admit: one HTTP/2 session may have a quarter of maxPendingHandshakes', async (t) => {
  const { admission, logs } = create({ maxPendingHandshakes: 5 })
  const [one, other] = [{}, {}]
  const received: PendingUpgrade[] = []
  for (const [session, admitted] of [[one, true], [one, true], [one, false], [other, true]] as const) {
    const each = await receiveOf(session)
    t.equal(admission.admit(each.request, each.upgrade), admitted)
    received.push(each)
  }
  t.match(logs, [{ option: 'maxPendingHandshakes', limit: 2, refused: 1, msg: /one HTTP\/2 session/ }])
  admission.end(received[0]!.upgrade)
  const next = await receiveOf(one)
  t.ok(admission.admit(next.request, next.upgrade))
  t.equal(admission.pending, 3)
  for (const { client } of received) client.destroy()
})

void t.test('admit: a session may have one pending handshake, however small the limit', async (t) => {
  const { admission } = create({ maxPendingHandshakes: 1 })
  const { request, upgrade, client } = await receiveOf({})
  t.ok(admission.admit(request, upgrade))
  client.destroy()
})

void t.test('admit: a handshake is refused when maxSockets are open or reserved', async (t) => {
  const { admission, logs } = create({ maxSockets: 2 })
  const [first, second, third] = [await receiveUpgrade(), await receiveUpgrade(), await receiveUpgrade()]
  for (const { request, upgrade } of [first, second]) t.ok(admission.admit(request, upgrade))
  t.ok(admission.reserve(first.upgrade))
  t.ok(admission.reserve(second.upgrade))
  admission.complete(first.upgrade)
  const close = (): void => admission.socketClosed()
  t.same(countersOf(admission), { open: 2, pending: 1, refused: 0 })
  t.notOk(admission.admit(third.request, third.upgrade))
  t.match(logs, [{ option: 'maxSockets', limit: 2, refused: 1 }])
  close()
  t.same(countersOf(admission), { open: 1, pending: 1, refused: 1 })
  for (const { client } of [first, second, third]) client.destroy()
})

void t.test('reserve: a handshake that was admitted earlier is refused when maxSockets are open', async (t) => {
  const { admission } = create({ maxSockets: 1 })
  const [first, second] = [await receiveUpgrade(), await receiveUpgrade()]
  for (const { request, upgrade } of [first, second]) t.ok(admission.admit(request, upgrade))
  t.ok(admission.reserve(first.upgrade))
  t.notOk(admission.reserve(second.upgrade))
  t.same(second.upgrade.refusal, { cause: 'max_sockets', isLogged: true })
  t.same(countersOf(admission), { open: 1, pending: 2, refused: 0 }, 'it is reported when it is answered')
  for (const { client } of [first, second]) client.destroy()
})

void t.test('reserve: a reservation ends with its handshake, and a handshake that has ended reserves nothing', async (t) => {
  const { admission } = create()
  const { request, response, upgrade, client } = await receiveUpgrade()
  admission.admit(request, upgrade)
  admission.reserve(upgrade)
  const closed = once(response, 'close')
  request.socket.destroy()
  await closed
  t.same(countersOf(admission), NONE)
  t.ok(admission.reserve(upgrade))
  t.same(countersOf(admission), NONE)
  client.destroy()
})

void t.test('complete: an open socket is counted until it closes, whatever becomes of its response', async (t) => {
  const { admission } = create()
  const { request, response, upgrade, client } = await receiveUpgrade()
  admission.admit(request, upgrade)
  admission.reserve(upgrade)
  admission.complete(upgrade)
  const close = (): void => admission.socketClosed()
  t.same(countersOf(admission), { open: 1, pending: 0, refused: 0 })
  response.emit('close')
  t.equal(admission.open, 1)
  close()
  t.same(countersOf(admission), NONE)
  client.destroy()
})

void t.test('complete: a socket that opens without a reservation is counted', async (t) => {
  const { admission } = create()
  const { upgrade, client } = await receiveUpgrade()
  admission.complete(upgrade)
  const close = (): void => admission.socketClosed()
  t.equal(admission.open, 1)
  close()
  t.same(countersOf(admission), NONE)
  client.destroy()
})

void t.test('end: a handshake ends once', async (t) => {
  const { admission } = create({ maxPendingHandshakes: 8 })
  const session = {}
  const [first, second] = [await receiveOf(session), await receiveOf(session)]
  for (const { request, upgrade } of [first, second]) t.ok(admission.admit(request, upgrade))
  admission.end(first.upgrade)
  admission.end(first.upgrade)
  t.equal(admission.pending, 1)
  const third = await receiveOf(session)
  t.ok(admission.admit(third.request, third.upgrade))
  const fourth = await receiveOf(session)
  t.notOk(admission.admit(fourth.request, fourth.upgrade), 'the session has two pending handshakes')
  for (const { client } of [first, second, third, fourth]) client.destroy()
})

void t.test('close: refusals that are not logged yet are logged', async (t) => {
  const { admission, logs } = create({ maxPendingHandshakes: 1 })
  const received = [await receiveUpgrade(), await receiveUpgrade(), await receiveUpgrade(), await receiveUpgrade()]
  for (const { request, upgrade } of received) admission.admit(request, upgrade)
  t.match(logs, [{ refused: 1 }])
  admission.close()
  t.match(logs, [{ refused: 1 }, { refused: 2 }])
  for (const { client } of received) client.destroy()
})

void t.test('chooseRetryAfter: returns various times from 5 to 15 s', async (t) => {
  const values = new Set(Array.from({ length: 1000 }, chooseRetryAfter))
  t.ok([...values].every((value) => /^\d+$/.test(value) && Number(value) >= 5 && Number(value) <= 15))
  t.ok(values.size > 1)
})

void t.test('reserveCompression: memory is reserved for a handshake with a socket, until it ends', async (t) => {
  const { admission, logs } = create({ compressionBudget: 100 })
  const { compression } = admission
  const first = await receiveUpgrade()
  t.ok(admission.admit(first.request, first.upgrade))
  t.notOk(admission.reserveCompression(first.upgrade, 60), 'without a reserved socket')
  t.ok(admission.reserve(first.upgrade))
  t.ok(admission.reserveCompression(first.upgrade, 60))
  t.same([compression.bytes, compression.sockets], [60, 1])

  const second = await receiveUpgrade()
  t.ok(admission.admit(second.request, second.upgrade))
  t.ok(admission.reserve(second.upgrade))
  t.notOk(admission.reserveCompression(second.upgrade, 60))
  t.match(logs, [{ level: 40, option: 'compressionBudget', limit: 100, refused: 1 }])

  const closed = once(first.response, 'close')
  first.request.socket.destroy()
  await closed
  t.same([compression.bytes, compression.sockets], [0, 0])
  t.notOk(admission.reserveCompression(first.upgrade, 60), 'a lost handshake opens no socket')
  t.ok(admission.reserveCompression(second.upgrade, 60))
  second.client.destroy()
})

void t.test('reserveCompression: a socket that has taken the memory over keeps it when its handshake ends', async (t) => {
  const { admission } = create({ compressionBudget: 100 })
  const { request, upgrade, client } = await receiveUpgrade()
  const socket = {}
  admission.admit(request, upgrade)
  admission.reserve(upgrade)
  t.ok(admission.reserveCompression(upgrade, 60))
  admission.compression.transfer(upgrade, socket)
  admission.complete(upgrade)
  t.equal(admission.compression.bytes, 60)
  admission.compression.release(socket)
  t.equal(admission.compression.bytes, 0)
  client.destroy()
})

void t.test('close: logs how often compression was declined', async (t) => {
  const { admission, logs } = create({ compressionBudget: 0 })
  for (let count = 0; count < 3; count++) admission.compression.reserve({}, 1)
  admission.close()
  t.match(logs, [{ option: 'compressionBudget', refused: 1 }, { option: 'compressionBudget', refused: 2 }])
})
