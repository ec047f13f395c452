import t from 'tap'
import { claimServer } from '../../../lib/handshake/claim.ts'

void t.test('claimServer: a server is claimed once, until it is released', async (t) => {
  const server = {}
  const release = claimServer(server)
  t.throws(() => claimServer(server), { code: 'FST_WS_ALREADY_REGISTERED' })
  claimServer({})()
  release()
  claimServer(server)()
})

void t.test('claimServer: a server that is released twice stays claimed by a later call', async (t) => {
  const server = {}
  const release = claimServer(server)
  release()
  claimServer(server)
  release()
  t.throws(() => claimServer(server), { code: 'FST_WS_ALREADY_REGISTERED' })
})
