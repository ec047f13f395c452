import { EventEmitter, once } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http'
import { inspect } from 'node:util'
import { WebSocket as WsWebSocket } from 'ws'
import type { VerifyClient, WebsocketServerOptions } from '../../index.ts'
import { addEcho, closed, sentences, text } from '../helpers/transports.ts'
import type { Fixture, LogLine, Open, Refused, Transport } from '../helpers/transports.ts'

const ERROR = 50

/** What throws when it is looked at. */
const hostile: Array<[name: string, create: () => unknown]> = [
  ['a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }],
  ['an object that cannot be inspected', () => ({ [inspect.custom] () { throw new Error('not to be printed') } })],
  ['an error whose stack throws', () => Object.defineProperty(new Error(), 'stack', { get () { throw new Error('no stack') } })],
  ['an error with a property that throws', () => Object.defineProperty(new Error(), 'x', {
    enumerable: true, get () { throw new Error('no x') }
  })],
  ['an error whose cause is a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return new Error('with a cause', { cause: proxy })
  }],
  ['an object without a prototype', () => Object.create(null)],
  ['undefined', () => undefined]
]

/** What may go wrong in a handshake, and what is sent of what a user says, the same whichever transport carries it. */
export function behaveInHandshakes (transport: Transport): void {
  const sentence = sentences(transport)

  // Fields

  sentence('a character of a hook\'s header beyond ASCII is one byte, as in any reply', (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('x-name', 'caf\xe9 \xff\x80') })
    addEcho(app)
    app.get('/refused', { websocket: true, preHandler: async (_request, reply) => reply.code(403).send() }, () => {})
  }, async (t, { refused, connect }) => {
    t.equal((await refused('/refused')).headers['x-name'], 'caf\xe9 \xff\x80')
    const socket = connect('/echo')
    const [[{ headers }]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
    t.equal(headers['x-name'], 'caf\xe9 \xff\x80')
    const echoed = text(socket)
    socket.send('caf\xe9')
    t.equal(await echoed, 'caf\xe9', 'and a message is UTF-8')
  })

  for (const value of ['\u010d\u010a', '\u20ac', 'a\r\nb: c', 'a\nb', '\0']) {
    sentence(`a hook's header ${JSON.stringify(value)} is refused with 500`, (app) => {
      app.addHook('onRequest', async (_request, reply) => { reply.header('x-bad', value) })
      addEcho(app)
    }, async (t, { refused }) => {
      const { status, headers } = await refused('/echo')
      t.equal(status, 500)
      t.notOk('x-bad' in headers)
    })
  }

  sentence('several values of a field that has one open a socket', (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('etag', ['"a"', '"b"']).header('x-a', ['1', '2']) })
    addEcho(app)
  }, async (t, { connect }) => {
    const socket = connect('/echo')
    const [[{ headers }]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
    t.match(headers.etag, /^"a"/)
    t.equal(headers['x-a'], '1, 2')
  })

  const lines: unknown[] = ['', 'no colon', 'x y: z', 'x-a: b\r\nx-split: c', 'x-a: \u010d\u010ax-split: c', 'x-a: b\n', {}]
  for (const line of lines) {
    sentence(`the line ${JSON.stringify(line)} of a 'headers' listener is refused with 500`, addEcho, async (t, fixture) => {
      fixture.app.websocketServer.on('headers', (head) => head.push(line as string))
      await isRefused(t, fixture, 500, 'FST_WS_INVALID_HEADER')
    })
  }

  sentence('a line of a \'headers\' listener is sent byte by byte, too', addEcho, async (t, { app, connect }) => {
    app.websocketServer.on('headers', (head) => head.push('x-name: caf\xe9'))
    const socket = connect('/echo')
    const [{ headers }] = await once(socket, 'upgrade')
    t.equal(headers['x-name'], 'caf\xe9')
  })

  // Subprotocols

  const choices: Array<[says: string, handleProtocols: () => unknown]> = [
    ['an object', () => ({ protocol: 'chat' })],
    ['a promise', async () => 'chat'],
    ['a promise that rejects', async () => { throw new Error('boom') }],
    ['a line break', () => 'chat\r\nx-split: c'],
    ['what is no token', () => 'chat, talk'],
    ['a number', () => 7]
  ]
  for (const [says, handleProtocols] of choices) {
    sentence(`a handleProtocols that returns ${says} is a 500, and logged`, addEcho, async (t, fixture) => {
      await isRefused(t, fixture, 500, 'FST_WS_INVALID_SUBPROTOCOL', { protocols: ['chat'] })
    }, { options: { handleProtocols } as WebsocketServerOptions })
  }

  for (const choice of [false, '', null, undefined]) {
    sentence(`a handleProtocols that returns ${choice === '' ? 'nothing' : choice} chooses none`, addEcho, async (t, { open }) => {
      const socket = await open('/echo', { headers: { 'sec-websocket-protocol': 'chat' } })
      t.equal(socket.protocol, '')
    }, { options: { handleProtocols: () => choice } as WebsocketServerOptions })
  }

  // Refusals of verifyClient

  sentence('verifyClient refuses with a text, and headers of many kinds', addEcho, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 403)
    t.match(headers, { 'x-name': 'caf\xe9', 'x-number': '7', 'set-cookie': ['a=1', 'b=2'], 'www-authenticate': 'Basic' })
    t.notOk('x-none' in headers)
    t.notOk('transfer-encoding' in headers)
  }, {
    options: {
      verifyClient: (_info, done) => done(false, 403, 'caf\xe9 \u20ac\r\nx-split: c', {
        'X-Name': 'caf\xe9',
        'x-number': 7,
        'x-none': undefined,
        'set-cookie': ['a=1', 'b=2'],
        'WWW-Authenticate': 'Basic',
        'Transfer-Encoding': 'chunked',
        'Content-Length': '1'
      })
    }
  })

  const invalid: Array<[says: string, headers: OutgoingHttpHeaders]> = [
    ['a line break in a value', { 'x-a': 'b\r\nx-split: c' }],
    ['a line break in a name', { 'x-a: b\r\nx-split': 'c' }],
    ['a character that has no byte', { 'x-a': '\u010d\u010ax-split: c' }],
    ['a line break in one of several values', { 'x-a': ['b', 'c\nx-split: d'] }],
    ['no name', { '': 'a' }]
  ]
  for (const [says, headers] of invalid) {
    sentence(`${says} of verifyClient's headers is a 500, and logged`, addEcho, async (t, fixture) => {
      await isRefused(t, fixture, 500, 'FST_WS_INVALID_HEADER')
    }, { options: { verifyClient: (_info, done) => setImmediate(done, false, 401, 'no', headers) } })
  }

  for (const status of [99, 101, 200, 204, 299, 600, 1000, 401.5, -1, Infinity, 'abc', '401\r\nx-split: c', {}, Symbol('x')]) {
    sentence(`the status ${String(status)} of verifyClient is a 500, and logged`, addEcho, async (t, fixture) => {
      const code = typeof status === 'symbol' ? undefined : 'FST_WS_INVALID_REFUSAL'
      await isRefused(t, fixture, 500, code)
    }, { options: { verifyClient: (_info, done) => done(false, status as number) } })
  }

  for (const [status, expected] of [[undefined, 401], [0, 401], ['403', 403], [300, 300], [304, 304], [499, 499], [599, 599]] as const) {
    sentence(`the status ${status} of verifyClient is a ${expected}`, addEcho, async (t, fixture) => {
      t.equal((await fixture.refused('/echo')).status, expected)
      t.same(errorsOf(fixture), [])
    }, { options: { verifyClient: (_info, done) => done(false, status as number) } })
  }

  // What goes wrong in verifyClient

  const failing: Array<[says: string, verifyClient: VerifyClient]> = [
    ['with two parameters rejects', async (_info, _done) => { throw new Error('boom') }],
    ['with two parameters rejects later', async (_info, _done) => { await turn(); throw new Error('boom') }],
    ['with one parameter rejects', async () => { throw new Error('boom') }],
    ['with two parameters throws', (_info, _done) => { throw new Error('boom') }],
    ['returns what is no promise, but has a then that throws', () => ({ then () { throw new Error('boom') } })]
  ]
  for (const [says, verifyClient] of failing) {
    sentence(`a verifyClient that ${says} is a 500, logged once`, addEcho, async (t, fixture) => {
      t.equal((await fixture.refused('/echo')).status, 500)
      t.same(errorsOf(fixture).map(({ err }) => err?.message), ['boom'])
    }, { options: { verifyClient } })
  }

  for (const [name, create] of hostile) {
    for (const [says, verifyClient] of [
      ['rejects with', async (_info, _done) => { throw create() }],
      ['throws', () => { throw create() }]
    ] as Array<[string, VerifyClient]>) {
      sentence(`a verifyClient that ${says} ${name} is a 500, logged once`, addEcho, async (t, fixture) => {
        t.equal((await fixture.refused('/echo')).status, 500)
        t.equal(errorsOf(fixture).length, 1)
      }, { options: { verifyClient } })
    }
  }

  const repeated: Array<[says: string, verifyClient: VerifyClient, opens: boolean]> = [
    ['yes twice', (_info, done) => { done(true); done(true); setImmediate(done, true) }, true],
    ['yes, then no', (_info, done) => { done(true); done(false, 403); setImmediate(done, false, 403) }, true],
    ['no, then yes', (_info, done) => { done(false, 403); done(true); setImmediate(done, true) }, false],
    ['no twice', (_info, done) => { done(false, 403); done(false, 404); setImmediate(done, false, 404) }, false],
    ['yes by a call, and no by a promise', async (_info, done) => { done(true); return false }, true],
    ['no by a call, and yes by a promise', async (_info, done) => { done(false, 403); return true }, false]
  ]
  for (const [says, verifyClient, opens] of repeated) {
    sentence(`of a verifyClient that says ${says}, the first counts`, addEcho, async (t, fixture) => {
      if (opens) await echoes(t, fixture)
      else t.equal((await fixture.refused('/echo')).status, 403)
      t.same(errorsOf(fixture), [])
    }, { options: { verifyClient } })
  }

  for (const [says, verifyClient] of [
    ['rejects', async (_info, done) => { done(true); throw new Error('boom') }],
    ['throws', (_info, done) => { done(true); throw new Error('boom') }]
  ] as Array<[string, VerifyClient]>) {
    sentence(`a verifyClient that ${says} after it has accepted opens a socket, and is logged`, addEcho, async (t, fixture) => {
      await echoes(t, fixture)
      t.same(errorsOf(fixture).map(({ err }) => err?.message), ['boom'])
    }, { options: { verifyClient } })
  }

  const late = new EventEmitter()
  sentence('a verifyClient that rejects after handshakeTimeout is logged, and nothing else', addEcho, async (t, fixture) => {
    t.equal((await fixture.refused('/echo?late')).status, 503)
    late.emit('go on')
    await until(() => errorsOf(fixture).length > 0)
    t.equal(errorsOf(fixture)[0]?.err?.message, 'boom')
    await echoes(t, fixture)
  }, {
    handshakeTimeout: 50,
    options: {
      verifyClient: async ({ req }, done) => {
        if (!req.url?.includes('late')) return done(true)
        await once(late, 'go on')
        throw new Error('boom')
      }
    }
  })

  sentence('a handshake that goes wrong after a verifyClient that took its time is a 500, and logged', addEcho, async (t, fixture) => {
    fixture.app.websocketServer.on('headers', () => { throw new Error('boom') })
    t.equal((await fixture.refused('/echo')).status, 500)
    t.same(errorsOf(fixture).map(({ err }) => err?.message), ['boom'])
  }, { options: { verifyClient: async () => { await turn(); return true } } })

  // What goes wrong besides

  for (const [name, create] of hostile) {
    for (const [says, options] of [
      ['handleProtocols', { handleProtocols () { throw create() } }],
      ['class', { WebSocket: class extends WsWebSocket { constructor () { super(null as never); throw create() } } }]
    ] as Array<[string, WebsocketServerOptions]>) {
      sentence(`a ${says} that throws ${name} is a 500, logged once`, addEcho, async (t, fixture) => {
        t.equal((await fixture.refused('/echo', { protocols: ['chat'] })).status, 500)
        t.equal(errorsOf(fixture).length, 1)
      }, { options })
    }

    sentence(`a 'headers' listener that throws ${name} is a 500, logged once`, addEcho, async (t, fixture) => {
      fixture.app.websocketServer.on('headers', () => { throw create() })
      t.equal((await fixture.refused('/echo')).status, 500)
      t.equal(errorsOf(fixture).length, 1)
    })

    sentence(`a 'connection' listener that throws ${name} closes its socket with 1011, logged once`, addEcho, async (t, fixture) => {
      fixture.app.websocketServer.on('connection', () => { throw create() })
      t.equal((await closed(fixture.connect('/echo'))).code, 1011)
      t.equal(errorsOf(fixture).length, 1)
    })

    for (const isAsync of [false, true]) {
      sentence(`a handler that ${isAsync ? 'rejects with' : 'throws'} ${name} closes its socket with 1011, logged once`, (app) => {
        app.get('/fails', { websocket: true }, () => {
          if (isAsync) return Promise.reject(create())
          throw create()
        })
      }, async (t, fixture) => {
        t.equal((await closed(fixture.connect('/fails'))).code, 1011)
        t.equal(errorsOf(fixture).length, 1)
      })

      sentence(`an errorHandler that ${isAsync ? 'rejects with' : 'throws'} ${name} terminates its socket, logged once`, (app) => {
        app.get('/fails', { websocket: true }, () => { throw new Error('boom') })
      }, async (t, fixture) => {
        t.equal((await closed(fixture.connect('/fails'))).code, 1006)
        t.equal(errorsOf(fixture).length, 1)
      }, {
        errorHandler: () => {
          if (isAsync) return Promise.reject(create())
          throw create()
        }
      })
    }
  }

  sentence('a class whose setSocket throws breaks off its handshake, logged once', addEcho, async (t, fixture) => {
    const socket = fixture.connect('/echo')
    socket.on('error', () => {})
    t.equal((await closed(socket)).code, 1006)
    t.same(errorsOf(fixture).map(({ err }) => err?.message), ['boom'])
    t.equal(fixture.app.websocketServer.clients.size, 0)
  }, {
    options: {
      WebSocket: class extends WsWebSocket { setSocket (): void { throw new Error('boom') } } as typeof WsWebSocket
    }
  })

  async function isRefused (
    t: { equal: (found: unknown, wanted: unknown) => unknown, notOk: (value: unknown) => unknown }, fixture: Fixture,
    status: number, code: string | undefined, options?: Open
  ): Promise<Refused> {
    const answer = await fixture.refused('/echo', options)
    t.equal(answer.status, status)
    t.notOk('x-split' in answer.headers)
    t.equal(errorsOf(fixture).length, 1)
    if (code !== undefined) t.equal(errorsOf(fixture)[0]?.err?.code, code)
    return answer
  }

  async function echoes (t: { equal: (found: unknown, wanted: unknown) => unknown }, { open }: Fixture): Promise<void> {
    const socket = await open('/echo')
    const echoed = text(socket)
    socket.send('still here')
    t.equal(await echoed, 'still here')
  }
}

function errorsOf ({ logs }: Fixture): LogLine[] {
  return logs.filter(({ level }) => level >= ERROR)
}

async function turn (): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

async function until (isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}
