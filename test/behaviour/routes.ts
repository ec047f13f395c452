import { once } from 'node:events'
import { closed, sentences, text } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'

const INFO = 30
const ERROR = 50

/** What the options of one route change, and what they do not, on every transport. */
export function behaveByRoute (transport: Transport): void {
  const sentence = sentences(transport)

  sentence('maxPayload of a route holds there alone', (app) => {
    for (const [url, websocket] of [['/little', { maxPayload: 10 }], ['/much', { maxPayload: 1000 }], ['/usual', true]] as const) {
      app.get(url, { websocket }, (socket) => { socket.on('message', (data: Buffer) => socket.send(String(data.length))) })
    }
  }, async (t, { open }) => {
    for (const [path, limit] of [['/little', 10], ['/much', 1000], ['/usual', 100]] as const) {
      const socket = await open(path)
      socket.send(Buffer.alloc(limit))
      t.equal(await text(socket), String(limit))
      socket.send(Buffer.alloc(limit + 1))
      t.equal((await closed(socket)).code, 1009)
    }
  }, { options: { maxPayload: 100 } })

  sentence('the first subprotocol of the client that the route speaks is chosen', (app) => {
    app.get('/', { websocket: { protocols: ['v2', 'v1'] } }, (socket) => socket.send(socket.protocol))
    app.get('/usual', { websocket: true }, (socket) => socket.send(socket.protocol))
  }, async (t, { connect, open }) => {
    t.equal((await open('/', { protocols: ['v0', 'v1', 'v2'] })).protocol, 'v1')
    t.equal((await open('/', { protocols: 'v2' })).protocol, 'v2')
    t.equal((await open('/')).protocol, '')
    t.equal((await open('/usual', { protocols: ['v1', 'last'] })).protocol, 'last')
    const [error] = await once(connect('/', { protocols: ['v3'] }), 'error')
    t.equal(error.message, 'Server sent no subprotocol')
  }, { options: { handleProtocols: (offered) => [...offered].at(-1) ?? false } })

  sentence('sendLimit and slowConsumer of a route hold there alone', (app) => {
    const send = (socket: { send (data: Buffer, done?: (error?: Error) => void): void }): void => {
      socket.send(Buffer.alloc(4 * 1024 * 1024))
      socket.send(Buffer.from('late'), (error) => app.server.emit('late', Reflect.get(error ?? {}, 'code')))
    }
    app.get('/drop', { websocket: { sendLimit: 1024, slowConsumer: 'drop' } }, send)
    app.get('/usual', { websocket: true }, send)
  }, async (t, { app, open }) => {
    let late = once(app.server, 'late')
    const dropping = await open('/drop')
    t.same(await late, ['FST_WS_SLOW_CONSUMER'])
    t.equal(dropping.readyState, dropping.OPEN)

    late = once(app.server, 'late')
    const usual = await open('/usual')
    usual.on('message', () => {})
    t.same(await late, [undefined])
  })

  sentence('the errorHandler of a route goes before that of the plugin', (app) => {
    const fail = async (): Promise<never> => { throw new Error('mine') }
    app.get('/own', {
      websocket: { errorHandler (error, socket, request) { socket.close(4001, `${this === app} ${error.message} ${request.url}`) } }
    }, fail)
    app.get('/usual', { websocket: {} }, fail)
  }, async (t, { open, logs }) => {
    t.same(await closed(await open('/own')), { code: 4001, reason: 'true mine /own' })
    t.equal((await closed(await open('/usual'))).code, 4000)
    t.same(logs.filter(({ level }) => level >= ERROR), [])
  }, { errorHandler (_error, socket) { socket.close(4000) } })

  sentence('a route with wsHandler has options too, and its GET', (app) => {
    app.route({
      method: 'GET',
      url: '/',
      websocket: { autoPong: false },
      handler: async () => 'page',
      wsHandler: (socket) => { socket.on('ping', (data) => socket.send(`ping ${data}`)) }
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.on('pong', () => t.fail('autoPong is off'))
    socket.ping('x')
    t.equal(await text(socket), 'ping x')
    t.equal((await app.inject('/')).body, 'page')
  })

  sentence('sockets of such a route are among the clients, and are waited for', (app) => {
    app.get('/', { websocket: { maxPayload: 10 } }, () => {})
  }, async (t, { app, open }) => {
    const connection = once(app.websocketServer, 'connection')
    app.websocketServer.once('headers', (lines) => lines.push('x-by: listener'))
    const socket = await open('/')
    const [accepted] = await connection
    t.ok(app.websocketServer.clients.has(accepted))

    const end = closed(socket)
    await app.close()
    t.equal((await end).code, 4010)
    t.equal(app.websocketServer.clients.size, 0)
  }, {
    preClose (done) {
      for (const client of this.websocketServer.clients) client.close(4010)
      this.websocketServer.close(done)
    }
  })

  sentence('perMessageDeflate may be a route\'s alone', (app) => {
    app.get('/', { websocket: { perMessageDeflate: true } }, () => {})
    app.get('/usual', { websocket: true }, () => {})
  }, async (t, { open }) => {
    const compressed = transport.httpVersion === '1.1' ? 'permessage-deflate' : ''
    t.equal((await open('/', { perMessageDeflate: true })).extensions, compressed)
    t.equal((await open('/usual', { perMessageDeflate: true })).extensions, '')
  })

  sentence('heartbeat pings each client, and terminates one that has fallen silent', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      socket.once('close', (code) => app.server.emit('gone', code))
    })
    app.get('/never', { websocket: { heartbeat: 0 } }, () => {})
  }, async (t, { app, open, logs }) => {
    const never = await open('/never')
    never.on('ping', () => t.fail('heartbeat of a route is 0'))
    const lively = await open('/')
    const talkative = await open('/', { autoPong: false })
    talkative.on('ping', () => talkative.send('no pong, but here'))
    const gone = once(app.server, 'gone')
    const silent = await open('/', { autoPong: false })

    const end = closed(silent)
    t.same(await gone, [1006])
    t.equal((await end).code, 1006)
    for (let count = 0; count < 2; count++) await once(lively, 'ping')
    for (const socket of [never, lively, talkative]) t.equal(socket.readyState, socket.OPEN)
    t.match(logs.filter(({ msg }) => msg.includes('unresponsive')), [{ level: INFO }])
    t.same(logs.filter(({ level }) => level > INFO), [])
  }, { heartbeat: 500 })

  sentence('a socket that is paused is not taken for gone', (app) => {
    app.get('/', { websocket: { heartbeat: 500 } }, (socket) => {
      socket.on('message', (data) => socket.send(data))
      socket.pause()
      app.server.once('resume', () => socket.resume())
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.send('held')
    for (let count = 0; count < 2; count++) await once(socket, 'ping')
    app.server.emit('resume')
    t.equal(await text(socket), 'held')
    for (let count = 0; count < 2; count++) await once(socket, 'ping')
    t.equal(socket.readyState, socket.OPEN)
  })
}
