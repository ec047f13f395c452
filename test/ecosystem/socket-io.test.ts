import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Server as Engine } from 'engine.io'
import { Server } from 'socket.io'
import type { Socket } from 'socket.io'
import type { Socket as ClientSocket } from 'socket.io-client'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import { addEcho } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import {
  carrierOf, connected, createManager, openSession, recordHandshakes, sessionOf, startSocketIo, untilUpgraded
} from '../helpers/socket-io.ts'
import type { Handled, SocketIoFixture, SocketIoOptions } from '../helpers/socket-io.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS } from '../helpers/transports.ts'
import { closed, nextText, waitUntil } from '../helpers/waiting.ts'

/** The handshake of a websocket of socket.io, for clients other than its own. */
const HANDSHAKE_PATH = '/socket.io/?EIO=4&transport=websocket'

const SOCKETS = 20

const TRANSPORTS: Array<['websocket' | 'polling']> = [['websocket'], ['polling']]

/** Ways to close the clients of socket.io, with the reason of 'disconnect' that the server reports. */
const RECIPES: Record<string, { closeAll: (io: Server) => unknown, reason: string }> = {
  'io.engine.close()': { closeAll: (io) => io.engine.close(), reason: 'forced close' },
  'io.local.disconnectSockets(true)': {
    closeAll: (io) => io.local.disconnectSockets(true), reason: 'server namespace disconnect'
  },
  // It closes the server of the app, too, and waits for it.
  'io.close()': { closeAll: async (io) => { await io.close() }, reason: 'server shutting down' }
}

for (const transport of [H1, H1_TLS, H1_BESIDE_H2, H2C, H2_TLS]) {
  const { name, httpVersion, secure } = transport
  const isHttp2 = httpVersion === '2.0'

  /** Adds a test. All of its clients must have come over the transport. */
  const test = (
    title: string, options: SocketIoOptions, run: (t: Test, fixture: SocketIoFixture) => Promise<unknown>
  ): void => {
    void t.test(`${name}: socket.io: ${title}`, async (t) => {
      const fixture = await startSocketIo(t, transport, options)
      await run(t, fixture)
      for (const { httpVersion: version, secure: isSecure } of fixture.handled) {
        t.same({ version, isSecure }, { version: httpVersion, isSecure: secure })
      }
      t.same(errorsIn(fixture.logs), [])
    })
  }

  test('a client connects over websocket, and the handshake describes its connection', {}, async (t, { client, handled, origin }) => {
    const { peer } = await client({ extraHeaders: { 'x-token': 'secret' } })
    t.same(handled, [{ transport: 'websocket', httpVersion, secure }])
    t.same(carrierOf(peer.request), { httpVersion, secure })
    t.equal(peer.conn.transport.name, 'websocket')
    t.match(peer.handshake, { address: '127.0.0.1', secure, headers: { 'x-token': 'secret', host: new URL(origin).host } })
  })

  test('an event to a room reaches the sockets in it', {}, async (t, { io, client }) => {
    const [one, two, other] = [await client(), await client(), await client()]
    const received: string[] = []
    for (const [index, { client, peer }] of [one, two, other].entries()) {
      if (index < 2) await peer.join('room')
      client.on('news', (text: string) => received.push(`${index} ${text}`))
    }
    io.to('room').emit('news', 'to the room')
    one.peer.to('room').emit('news', 'from one')
    io.emit('news', 'to all')
    await waitUntil(() => received.length >= 6)
    t.same(received.sort(), [
      '0 to all', '0 to the room', '1 from one', '1 to all', '1 to the room', '2 to all'
    ])
  })

  test('events are acknowledged in both directions', {}, async (t, { io, client: connectClient }) => {
    const { client, peer } = await connectClient()
    peer.on('add', (a: number, b: number, done: (sum: number) => void) => done(a + b))
    client.on('name', (done: (name: string) => void) => done('client'))
    t.equal(await client.emitWithAck('add', 1, 2), 3)
    t.equal(await peer.emitWithAck('name'), 'client')
    t.same(await io.timeout(10_000).emitWithAck('name'), ['client'])
  })

  test('binary of any size arrives in both directions', { io: { maxHttpBufferSize: 1e7 } }, async (t, { client: connectClient }) => {
    const { client, peer } = await connectClient()
    peer.on('echo', (data: object, done: (data: object) => void) => done(data))
    for (const size of [0, 1, 126, 70_000, 4 * 1024 * 1024]) {
      const data = { first: randomBytes(size), second: [randomBytes(size)], text: 'grüße' }
      t.same(await client.emitWithAck('echo', data), data, `${size} bytes`)
    }
  })

  test('messages are compressed with perMessageDeflate', { io: { perMessageDeflate: { threshold: 0 } } }, async (t, { client: connectClient }) => {
    const { client, peer } = await connectClient({ perMessageDeflate: { threshold: 0 } })
    const { ws } = client.io.engine.transport as unknown as { ws: { extensions: string } }
    t.match(ws.extensions, 'permessage-deflate')
    peer.on('echo', (data: object, done: (data: object) => void) => done(data))
    const text = 'compressible '.repeat(10_000)
    t.equal(await client.emitWithAck('echo', text), text)
  })

  test('each end learns why a socket has disconnected', {}, async (t, { connections, client }) => {
    const reasonsOf = async (act: (ends: Awaited<ReturnType<typeof client>>) => unknown): Promise<string[]> => {
      const ends = await client()
      const reasons = Promise.all([reasonOf(ends.client), reasonOf(ends.peer)])
      await act(ends)
      return await reasons
    }
    t.same(await reasonsOf(({ client }) => client.disconnect()), ['io client disconnect', 'client namespace disconnect'])
    t.same(await reasonsOf(({ peer }) => peer.disconnect()), ['io server disconnect', 'server namespace disconnect'])
    t.same(await reasonsOf(({ peer }) => peer.disconnect(true)), ['io server disconnect', 'server namespace disconnect'])
    t.same(await reasonsOf(({ peer }) => peer.conn.close()), ['transport close', 'forced close'])
    t.same(await reasonsOf(({ client }) => terminate(client)), ['transport close', 'transport close'])
    t.same(await reasonsOf(() => {
      for (const connection of connections) connection.destroy()
    }), ['transport close', 'transport close'])
  })

  test('a client that does not answer pings is disconnected', { io: { pingInterval: 20, pingTimeout: 20 } }, async (t, { io, open }) => {
    const accepted = once(io, 'connection')
    const socket = await open(HANDSHAKE_PATH)
    const ended = closed(socket)
    socket.send('40')
    const [peer] = await accepted
    t.equal(await reasonOf(peer), 'ping timeout')
    t.equal((await ended).code, 1005)
  })

  test(`${SOCKETS} clients use ${isHttp2 ? 'one connection' : 'a connection each'}`, {}, async (t, { client, connections }) => {
    const clients = await Promise.all(Array.from({ length: SOCKETS }, async () => await client()))
    for (const { peer } of clients) peer.on('id', (done: (id: string) => void) => done(peer.id))
    t.same(await Promise.all(clients.map(({ client }) => client.emitWithAck('id'))), clients.map(({ client }) => client.id))
    t.equal(connections.size, isHttp2 ? 1 : SOCKETS)
    const sessions = new Set(clients.map(({ peer }) => sessionOf(peer.request)))
    t.same([sessions.size, sessions.has(undefined)], [1, !isHttp2])

    await Promise.all(clients.slice(1).map(async ({ client, peer }) => {
      await disconnect(client, peer)
    }))
    t.equal(await clients[0]!.client.emitWithAck('id'), clients[0]!.client.id)
  })

  test('a client that begins with polling is upgraded to websocket', {}, async (t, { client: connectClient, handled }) => {
    const { client, peer } = await connectClient({ transports: ['polling', 'websocket'] })
    const received: number[] = []
    peer.on('count', (count: number) => received.push(count))
    for (let count = 0; count < 10; count++) client.emit('count', count)
    await untilUpgraded(client, peer)
    for (let count = 10; count < 20; count++) client.emit('count', count)
    await waitUntil(() => received.length === 20)
    t.same(received, Array.from({ length: 20 }, (_, index) => index))
    t.same(handled, [{ transport: 'polling', httpVersion, secure }, { transport: 'websocket', httpVersion, secure }])
  })

  test('a client that uses polling only is served', {}, async (t, { client: connectClient, handled }) => {
    const { client, peer } = await connectClient({ transports: ['polling'] })
    peer.on('echo', (data: object, done: (data: object) => void) => done(data))
    t.same(await client.emitWithAck('echo', { data: randomBytes(100_000) }).then(({ data }) => data.length), 100_000)
    t.same(handled, [{ transport: 'polling', httpVersion, secure }])
    t.equal(await disconnect(client, peer), 'client namespace disconnect')
  })

  test('a middleware of a namespace refuses a client', {}, async (t, { io, manager, client }) => {
    io.of('/admin').use((socket, next) => {
      next(socket.handshake.auth['token'] === 'secret' ? undefined : Object.assign(new Error('forbidden'), { data: { code: 7 } }))
    })
    const shared = manager()
    const refused = shared.socket('/admin', { auth: { token: 'wrong' } })
    const [error] = await once(refused as unknown as EventEmitter, 'connect_error')
    t.match(error, { message: 'forbidden', data: { code: 7 } })
    const admitted = shared.socket('/')
    await connected(admitted)
    refused.auth = { token: 'secret' }
    await connected(refused.connect())
    t.equal(refused.io, admitted.io)
    t.ok((await client()).client.connected)
  })

  test('a handshake that allowRequest refuses fails with 400', {
    io: { allowRequest: (request, done) => done('no', request.headers['x-token'] === 'secret') }
  }, async (t, { refused, client }) => {
    t.equal((await refused(HANDSHAKE_PATH)).status, 400)
    t.ok((await client({ extraHeaders: { 'x-token': 'secret' } })).client.connected)
  })

  test('a handshake with an unknown session id fails with 400', {}, async (t, { refused }) => {
    t.equal((await refused(`${HANDSHAKE_PATH}&sid=unknown`)).status, 400)
  })

  test('response headers that engine.io adds reach the client', {}, async (t, { io, connect }) => {
    io.engine.on('headers', (headers: Record<string, string>) => { headers['x-served-by'] = 'node 1' })
    const socket = connect(HANDSHAKE_PATH)
    const [response] = await once(socket, 'upgrade')
    t.equal(response.headers['x-served-by'], 'node 1')
  })

  test('a message larger than maxHttpBufferSize ends its own socket', { io: { maxHttpBufferSize: 1000 } }, async (t, { client }) => {
    const [one, other] = [await client(), await client()]
    other.peer.on('echo', (data: object, done: (data: object) => void) => done(data))
    const code = new Promise((resolve) => {
      one.client.once('disconnect', (_reason, details) => resolve((details as { context: { code: number } }).context.code))
    })
    const reasons = Promise.all([reasonOf(one.client), reasonOf(one.peer)])
    one.client.emit('x', 'x'.repeat(2000))
    t.same(await reasons, ['transport close', 'transport error'])
    t.equal(await code, 1009)
    t.equal(await other.client.emitWithAck('echo', 'still here'), 'still here')
  })

  test('volatile events are dropped while a client does not read', {}, async (t, { client }) => {
    const [slow, other] = [await client(), await client()]
    other.peer.on('echo', (data: object, done: (data: object) => void) => done(data))
    const received: string[] = []
    slow.client.on('large', (data: Buffer) => received.push(`${data.length} bytes`))
    slow.client.on('position', (position: string) => received.push(position))
    const { ws } = slow.client.io.engine.transport as unknown as { ws: { pause (): void, resume (): void } }
    ws.pause()
    const size = 32 * 1024 * 1024
    slow.peer.emit('large', Buffer.alloc(size))
    for (let turn = 0; turn < 20; turn++) t.equal(await other.client.emitWithAck('echo', turn), turn)
    slow.peer.volatile.emit('position', 'dropped')
    slow.peer.emit('position', 'queued')
    ws.resume()
    await waitUntil(() => received.length >= 2)
    t.same(received, [`${size} bytes`, 'queued'])
  })

  test('routes of the app and socket.io serve the same port', {}, async (t, { app, client: connectClient, open }) => {
    const [{ client, peer }, socket] = [await connectClient(), await open('/echo')]
    peer.on('echo', (data: object, done: (data: object) => void) => done(data))
    for (let turn = 0; turn < 10; turn++) {
      const echoed = nextText(socket)
      socket.send(`text ${turn}`)
      t.same(await Promise.all([echoed, client.emitWithAck('echo', turn)]), [`text ${turn}`, turn])
    }
    t.equal(app.websocketServer.clients.size, 1)
    t.equal((await app.inject('/unknown')).statusCode, 404)
  })

  test('a URL of no websocket route and not of socket.io is ended by engine.io, without hooks', {
    io: { destroyUpgradeTimeout: 20 } as object,
    routes: (app) => {
      addEcho(app)
      app.addHook('onRequest', async () => { throw new Error('no hook runs') })
    }
  }, async (t, { connect, refused, logs }) => {
    const before = logs.length
    if (isHttp2) {
      t.equal((await refused('/unknown')).status, 502)
    } else {
      const [error] = await once(connect('/unknown'), 'error')
      t.equal(error.code, 'ECONNRESET')
    }
    t.equal(logs.length, before)
  })

  for (const destroyUpgrade of [true, false]) {
    const ends = destroyUpgrade && !isHttp2
    test(`a handshake of the app with hooks slower than destroyUpgradeTimeout ${ends ? 'fails' : 'succeeds'}, ` +
      `with destroyUpgrade ${destroyUpgrade}`, {
      io: { destroyUpgrade, destroyUpgradeTimeout: 1 } as object,
      routes: (app) => {
        app.get('/slow', {
          websocket: true,
          preValidation: async (request) => {
            if (ends) await once(request.raw.socket, 'end').catch(() => {})
            else await new Promise((resolve) => { setTimeout(resolve, 50) })
          }
        }, (socket) => socket.send('open'))
      }
    }, async (t, { connect }) => {
      const socket = connect('/slow')
      if (ends) t.equal((await once(socket, 'error'))[0].code, 'ECONNRESET')
      else t.equal(await nextText(socket), 'open')
    })
  }

  for (const transports of TRANSPORTS) {
    test(`app.close() keeps shutdownTimeout with open clients over ${transports[0]}`, {
      plugin: { shutdownTimeout: 100 }
    }, async (t, { app, logs, client, open }) => {
      const [{ peer }, own] = [await client({ transports }), await open('/echo')]
      const ended = Promise.all([reasonOf(peer), closed(own)])
      await app.close()
      t.match(await ended, [/^(forced close|transport close|transport error)$/, { code: 1001 }])
      t.match(logs.at(-1)?.msg, 'shutdownTimeout exceeded')
    })

    for (const [recipe, { closeAll, reason }] of Object.entries(RECIPES)) {
      test(`app.close() closes the clients over ${transports[0]} with ${recipe} in a preClose hook`, {
        routes: (app, getServer) => {
          addEcho(app)
          app.addHook('preClose', async () => { await closeAll(getServer()) })
        }
      }, async (t, { app, logs, client, open }) => {
        const [{ peer }, own] = [await client({ transports }), await open('/echo')]
        const ended = Promise.all([reasonOf(peer), closed(own)])
        await app.close()
        t.match(await ended, [reason, { code: 1001 }])
        t.notMatch(logs.at(-1)?.msg, 'shutdownTimeout exceeded')
      })
    }
  }

  void t.test(`${name}: socket.io serves its clients through upgradeFallback and a route, behind the hooks of the app`, async (t) => {
    const engine = new Engine()
    const io = new Server({ serveClient: false }).bind(engine)
    const handled: Handled[] = []
    recordHandshakes(io, handled)
    const app: FastifyInstance = fastify(transport.server)
    await app.register(websocket, {
      upgradeFallback: (request, socket, head) => {
        if (request.url!.startsWith('/socket.io/')) engine.handleUpgrade(request as never, socket as never, head)
        else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      }
    })
    addEcho(app)
    const urls: string[] = []
    app.addHook('onRequest', async ({ url }) => { urls.push(url.split('?')[0]!) })
    await app.register(async (scope) => {
      // engine.io reads the body itself.
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
      scope.route({
        method: ['GET', 'POST'],
        url: '/socket.io/',
        handler (request, reply) {
          reply.hijack()
          engine.handleRequest(request.raw as never, reply.raw)
        }
      })
    })
    app.addHook('preClose', async () => { engine.close() })
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const session = isHttp2 ? openSession(t, origin) : undefined
    t.teardown(() => app.close())

    const client = createManager(t, origin, session, { transports: ['polling', 'websocket'] }).socket('/')
    await connected(client)
    const peer = io.sockets.sockets.get(client.id!)!
    await untilUpgraded(client, peer)
    peer.on('echo', (data: object, done: (data: object) => void) => done(data))
    t.equal(await client.emitWithAck('echo', 'text'), 'text')
    t.same(handled, ['polling', 'websocket'].map((transport) => ({ transport, httpVersion, secure })))
    t.same([...new Set(urls)], ['/socket.io/'])
    await disconnect(client, peer)
  })

  for (const order of ['before the plugin', 'before its routes', 'after its routes', 'after listen()']) {
    void t.test(`${name}: socket.io serves its clients if it is attached ${order}`, async (t) => {
      const app: FastifyInstance = fastify(transport.server)
      const handled: Handled[] = []
      let io: Server
      const attach = (when: string): void => {
        if (when !== order) return
        io = new Server(app.server)
        recordHandshakes(io, handled)
      }
      attach('before the plugin')
      await app.register(websocket)
      attach('before its routes')
      addEcho(app)
      attach('after its routes')
      const origin = await app.listen({ port: 0, host: '127.0.0.1' })
      attach('after listen()')
      const session = isHttp2 ? openSession(t, origin) : undefined
      t.teardown(() => app.close())

      for (const transports of TRANSPORTS) {
        const client = createManager(t, origin, session, { transports }).socket('/')
        await connected(client)
        t.equal(await disconnect(client, io!.sockets.sockets.get(client.id!)!), 'client namespace disconnect')
      }
      t.same(handled, ['websocket', 'polling'].map((transport) => ({ transport, httpVersion, secure })))
      const own = session === undefined
        ? connect(`${origin.replace('http', 'ws')}/echo`, { http: '1.1', rejectUnauthorized: false })
        : connect(session, { path: '/echo' })
      await once(own, 'open')
      own.send('own')
      t.equal(await nextText(own), 'own')
      own.terminate()
    })
  }
}

void t.test('without the plugin, socket.io serves an HTTP/2 session over polling only', async (t) => {
  const app: FastifyInstance = fastify(H2C.server)
  t.teardown(() => app.close())
  const io = new Server(app.server)
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const session = openSession(t, origin)
  const [error] = await once(
    createManager(t, origin, session).socket('/') as unknown as EventEmitter, 'connect_error'
  )
  t.equal(error.description.error.code, 'FST_WS_NO_EXTENDED_CONNECT')

  const client = createManager(t, origin, session, { transports: ['polling', 'websocket'] }).socket('/')
  await connected(client)
  const peer = io.sockets.sockets.get(client.id!)!
  t.equal(peer.conn.transport.name, 'polling')
  await disconnect(client, peer)
})

async function reasonOf (socket: Socket | ClientSocket): Promise<string> {
  const [reason] = await once(socket as unknown as EventEmitter, 'disconnect')
  return reason
}

/** Disconnects a client, which first sends what it has to send. Returns the reason that the server reports. */
async function disconnect (client: ClientSocket, peer: Socket): Promise<string> {
  const left = reasonOf(peer)
  const ended = new Promise<unknown>((resolve) => { client.io.engine.once('close', resolve) })
  client.disconnect()
  await ended
  return await left
}

function terminate (client: ClientSocket): void {
  const { ws } = client.io.engine.transport as unknown as { ws: { terminate (): void } }
  ws.terminate()
}
