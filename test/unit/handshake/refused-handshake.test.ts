import { once } from 'node:events'
import t from 'tap'
import { toRefused } from '../../../lib/handshake/refused-handshake.ts'
import { createLog, receiveUpgrade } from '../../helpers/pending-upgrade.ts'

void t.test('a handshake that was answered has the cause "reply", with its status, and is not logged yet', async (t) => {
  const { log } = createLog()
  const { request, response, upgrade, client } = await receiveUpgrade(log)
  response.writeHead(403).end()
  const { upgrade: refused, ...rest } = toRefused(upgrade)
  t.equal(refused, upgrade)
  t.equal(rest.rawRequest, request)
  t.equal(rest.log, log)
  t.match(rest, { httpVersion: '1.1', request: undefined, status: 403, cause: 'reply', isLogged: false })
  client.destroy()
})

void t.test('a handshake that was not answered has the cause "aborted", and no status', async (t) => {
  const { response, upgrade } = await receiveUpgrade()
  const closed = once(response, 'close')
  upgrade.abort()
  response.socket?.destroy()
  response.destroy()
  await closed
  t.match(toRefused(upgrade), { cause: 'aborted', status: undefined, isLogged: false })
})

void t.test('a refusal that was set before has its own cause', async (t) => {
  const { response, upgrade, client } = await receiveUpgrade()
  upgrade.refusal = { cause: 'timeout', isLogged: true }
  response.writeHead(503).end()
  t.match(toRefused(upgrade), { cause: 'timeout', status: 503, isLogged: true })
  client.destroy()
})
