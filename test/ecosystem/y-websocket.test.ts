import { once } from 'node:events'
import { docs, setupWSConnection } from '@y/websocket-server/utils'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import { Doc } from 'yjs'
import { TRANSPORTS, WAYS, checkOwnRoute, startBeside } from '../helpers/beside.ts'
import type { Beside, Way } from '../helpers/beside.ts'
import { H1_BESIDE_H2, H1_TLS, H2_TLS } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, waitUntil } from '../helpers/waiting.ts'

/** A server for both versions, which the clients of a fixture use over HTTP/2. */
const H2_BESIDE_H1: Transport = { ...H2_TLS, server: H1_BESIDE_H2.server }

/** ws over HTTP/1.1, for the certificate of the tests. */
class Http1WebSocket extends WebSocket {
  constructor (url: string, protocols?: string[]) {
    super(url, protocols, { rejectUnauthorized: false })
  }
}

interface Peer {
  provider: WebsocketProvider
  doc: Doc
}

async function startYjs (t: Test, transport: Transport, way: Way): Promise<Beside> {
  const wss = new WebSocketServer({ noServer: true })
  wss.on('connection', (socket, { url }) => setupWSConnection(socket, undefined as never, { docName: `${t.name} ${url}` }))
  t.teardown(() => {
    for (const doc of docs.values()) doc.destroy()
    docs.clear()
  })
  return await startBeside(t, transport, way, '/yjs', wss, { shutdownTimeout: 300 })
}

/** Opens the document "room", and waits until it is that of the server. */
async function openPeer (t: Test, { url, ClientWebSocket }: Pick<Beside, 'url' | 'ClientWebSocket'>): Promise<Peer> {
  const doc = new Doc()
  const provider = new WebsocketProvider(url, 'room', doc, {
    WebSocketPolyfill: ClientWebSocket as never, disableBc: true
  })
  t.teardown(() => {
    provider.destroy()
    doc.destroy()
  })
  await new Promise((resolve) => provider.once('sync', resolve))
  return { provider, doc }
}

async function checkSync (t: Test, one: Peer, two: Peer): Promise<void> {
  const [left, right] = [one.doc.getText('text'), two.doc.getText('text')]
  left.insert(0, 'left ')
  right.insert(0, 'right ')
  await waitUntil(() => left.length === 11 && right.length === 11, 'both edits are in both documents')
  t.equal(left.toString(), right.toString())
  t.match(left.toString(), /left.*right|right.*left/)

  one.provider.awareness.setLocalStateField('user', 'Ada')
  const states = two.provider.awareness.getStates()
  await waitUntil(() => states.get(one.doc.clientID)?.['user'] === 'Ada', 'the awareness of one is that of the other')
  one.provider.disconnect()
  await waitUntil(() => !states.has(one.doc.clientID), 'the awareness ends with the socket')
}

for (const way of WAYS) {
  for (const transport of TRANSPORTS) {
    void t.test(`${transport.name}: y-websocket syncs documents and awareness, by ${way}`, async (t) => {
      const beside = await startYjs(t, transport, way)
      const peers = [await openPeer(t, beside), await openPeer(t, beside)] as const
      await checkSync(t, ...peers)
      await checkOwnRoute(t, beside)
      t.same(beside.carriers, [transport.name, transport.name])
    })

    void t.test(`${transport.name}: y-websocket syncs a document of several MB, by ${way}`, async (t) => {
      const beside = await startYjs(t, transport, way)
      const one = await openPeer(t, beside)
      one.doc.getText('text').insert(0, 'abcdefgh'.repeat(0x80000))
      one.doc.getMap('end').set('done', true)
      await waitUntil(() => [...docs.values()][0]?.getMap('end').get('done') === true, 'the server has the document')
      const two = await openPeer(t, beside)
      t.equal(two.doc.getText('text').length, 0x400000)
      t.same(beside.carriers, [transport.name, transport.name])
    })

    void t.test(`${transport.name}: app.close() ends within shutdownTimeout with sockets of y-websocket, by ${way}`, async (t) => {
      const beside = await startYjs(t, transport, way)
      const { provider } = await openPeer(t, beside)
      const own = closed(await beside.open('/echo'))
      const end = once(provider.ws as unknown as WebSocket, 'close')
      await beside.app.close()
      t.equal((await own).code, 1001)
      const [code] = await end
      t.equal(code, 1006)
      provider.disconnect()
      t.same(beside.carriers, [transport.name])
    })
  }

  void t.test(`y-websocket syncs a document between HTTP/1.1 and HTTP/2, by ${way}`, async (t) => {
    const beside = await startYjs(t, H2_BESIDE_H1, way)
    const one = await openPeer(t, { url: beside.url, ClientWebSocket: Http1WebSocket as typeof WebSocket })
    const two = await openPeer(t, beside)
    await checkSync(t, one, two)
    t.same(beside.carriers, [H1_TLS.name, H2_TLS.name])
  })
}
