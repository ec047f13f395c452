import { once } from 'node:events'
import { WebSocket as WsWebSocket, createWebSocketStream } from 'ws'
import { addEcho } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import { MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextMessage, nextText } from '../helpers/waiting.ts'

/** Sizes around the limits where the frame header grows, and one that takes many DATA frames. */
const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, MIB]
/** A text that is not sent in one buffer with its frame header. */
const LONG = 'l'.repeat(5000)

/** Arguments of `send()`, and the message that arrives. */
const SENT: Array<[name: string, data: unknown, options: object | undefined, received: [string, boolean]]> = [
  ['text', 'grüße', undefined, ['grüße', false]],
  ['an empty text', '', undefined, ['', false]],
  ['a lone surrogate', '\ud800', undefined, ['\ufffd', false]],
  ['a number', 42, undefined, ['42', false]],
  ['null', null, undefined, ['', true]],
  ['undefined', undefined, undefined, ['', true]],
  ['a Buffer', Buffer.from('abcd'), undefined, ['abcd', true]],
  ['an ArrayBuffer', new TextEncoder().encode('abcd').buffer, undefined, ['abcd', true]],
  ['a Uint16Array', new Uint16Array(Uint8Array.from(Buffer.from('abcd')).buffer), undefined, ['abcd', true]],
  ['a DataView', new DataView(new TextEncoder().encode('abcd').buffer, 1, 2), undefined, ['bc', true]],
  ['a SharedArrayBuffer', new Uint8Array(new SharedArrayBuffer(2)), undefined, ['\0\0', true]],
  ['bytes as text', Buffer.from('abcd'), { binary: false }, ['abcd', false]],
  ['text as bytes', 'abcd', { binary: true }, ['abcd', true]],
  ['bytes with an undefined option', Buffer.from('abcd'), { binary: undefined }, ['abcd', false]],
  ['long bytes with an undefined option', Buffer.from(LONG), { binary: undefined }, [LONG, false]],
  ['text with null as options', 'abcd', null as never, ['abcd', false]],
  ['text with an undefined option', 'abcd', { mask: undefined }, ['abcd', false]]
]

/** Messages of every type and size. */
export function testMessages (transport: Transport): void {
  const scenario = scenarios(transport)

  // Types and sizes

  scenario('an echoed text message arrives as text', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send('grüße')
    const { data, isBinary } = await nextMessage(socket)
    t.equal(String(data), 'grüße')
    t.equal(isBinary, false)
  })

  scenario('an echoed binary message arrives as binary', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send(Buffer.from([0, 255, 1]))
    const { data, isBinary } = await nextMessage(socket)
    t.same(data, Buffer.from([0, 255, 1]))
    t.equal(isBinary, true)
  })

  scenario('messages from 0 bytes to 1 MiB arrive intact', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    for (const length of LENGTHS) {
      const sent = Buffer.alloc(length, 'abcdefghijk')
      socket.send(sent)
      const { data } = await nextMessage(socket)
      t.ok(sent.equals(data), `${length} bytes`)
    }
  })

  scenario('a message that is sent in fragments arrives as one message', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send('one, ', { fin: false })
    socket.send('two, ', { fin: false })
    socket.send('three', { fin: true })
    t.equal(await nextText(socket), 'one, two, three')
  })

  scenario('send() accepts every type of data that ws accepts', (app) => {
    app.get('/types', { websocket: true }, (socket) => {
      for (const [, data, options] of SENT) socket.send(data as never, options as never)
    })
  }, async (t, { connect }) => {
    const socket = connect('/types')
    const received: Array<[string, boolean]> = []
    socket.on('message', (data, isBinary) => received.push([String(data), isBinary]))
    while (received.length < SENT.length) await once(socket, 'message')
    for (const [index, [name, , , expected]] of SENT.entries()) t.same(received[index], expected, name)
  })

  scenario('binaryType of a socket sets the type of its binary messages', (app) => {
    app.get('/type', { websocket: true }, (socket) => {
      socket.on('message', (data: unknown, isBinary) => {
        socket.send(`${isBinary} ${Array.isArray(data) ? 'fragments' : (data as object).constructor.name}`)
        if (!isBinary) socket.binaryType = String(data) as 'fragments'
      })
    })
  }, async (t, { open }) => {
    const socket = await open('/type')
    const types = { arraybuffer: 'ArrayBuffer', fragments: 'fragments', blob: 'Blob', nodebuffer: 'Buffer' }
    for (const [type, name] of Object.entries(types)) {
      socket.send(type)
      t.equal(await nextText(socket), 'false Buffer')
      socket.send(Buffer.of(1, 2))
      t.equal(await nextText(socket), `true ${name}`)
    }
  })

  scenario('createWebSocketStream() makes a duplex stream of a socket', (app) => {
    app.get('/pipe', { websocket: true }, (socket) => {
      const stream = createWebSocketStream(socket)
      stream.pipe(stream)
    })
  }, async (t, { open }) => {
    const socket = await open('/pipe')
    socket.send('through the pipe')
    t.equal(await nextText(socket), 'through the pipe')
  })

  // Order

  scenario('a thousand messages arrive in order', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    const received: string[] = []
    const all = new Promise((resolve) => socket.on('message', (data) => {
      if (received.push(String(data)) === 1000) resolve(undefined)
    }))
    const sent = Array.from({ length: 1000 }, (_, index) => String(index))
    for (const each of sent) socket.send(each)
    await all
    t.same(received, sent)
  })

  scenario('short, long, fragmented and Blob messages arrive in the order in which they were sent', (app) => {
    app.get('/order', { websocket: true }, (socket) => {
      socket.send('short')
      socket.send(LONG)
      socket.send('a', { fin: false })
      socket.send('b')
      socket.send('c', { fin: undefined as never })
      socket.send('d', { fin: true })
      socket.send(new Blob(['Blob']) as never)
      socket.send('after a Blob')
      socket.send(foreignBlob('foreign') as never)
      socket.send('after a foreign Blob')
      socket.ping(new Blob(['ping']))
      socket.send('after a ping')
      socket.close()
    })
  }, async (t, { connect }) => {
    const socket = connect('/order')
    const received: string[] = []
    socket.on('message', (data) => received.push(String(data)))
    socket.on('ping', (data) => received.push(String(data)))
    await closed(socket)
    t.same(received, [
      'short', LONG, 'ab', 'cd', 'Blob', 'after a Blob', 'foreign', 'after a foreign Blob', 'ping', 'after a ping'
    ])
  })

  scenario('a message that the client sends in its \'open\' listener arrives', addEcho, async (t, { connect }) => {
    const socket = connect('/echo')
    socket.on('open', () => socket.send('early'))
    t.equal(await nextText(socket), 'early')
  })

  scenario('a message that the handler sends synchronously arrives', (app) => {
    app.get('/hello', { websocket: true }, (socket) => socket.send('hello'))
  }, async (t, { connect }) => {
    t.equal(await nextText(connect('/hello')), 'hello')
  })

  scenario('fifty concurrent sockets receive their own messages only', addEcho, async (t, { open }) => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open('/echo')))
    const echoes = sockets.map(nextText)
    sockets.forEach((socket, index) => socket.send(String(index)))
    t.same(await Promise.all(echoes), sockets.map((_, index) => String(index)))
  })

  // Pings

  scenario('a ping is answered with a pong of the same payload', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.ping('payload')
    const [data] = await once(socket, 'pong')
    t.equal(String(data), 'payload')
  })

  scenario('with autoPong: false a ping is emitted and not answered', (app) => {
    app.get('/ping', { websocket: true }, (socket) => {
      socket.on('ping', (data) => socket.send(`ping ${data}`))
    })
  }, async (t, { open }) => {
    const socket = await open('/ping')
    socket.on('pong', () => t.fail('a pong was sent'))
    socket.ping('x')
    t.equal(await nextText(socket), 'ping x')
  }, { options: { autoPong: false } })

  // send()

  scenario('the callback of send() receives no error for a sent message, and an error if the socket is not open', (app) => {
    app.get('/send', { websocket: true }, (socket) => {
      const results: unknown[] = []
      socket.send('sent', (error) => {
        results.push(error)
        socket.close()
        socket.send('late', (error) => {
          results.push(error?.message)
          app.server.emit('sent', results, socket.bufferedAmount)
        })
      })
    })
  }, async (t, { app, connect }) => {
    const seen = once(app.server, 'sent')
    const end = closed(connect('/send'))
    const [[sent, late], amount] = await seen
    await end
    t.equal(sent ?? undefined, undefined)
    t.equal(late, 'WebSocket is not open: readyState 2 (CLOSING)')
    t.ok(amount >= 4, 'the unsent message is counted')
  })

  scenario('send() of a custom WebSocket class is called for each message', (app) => {
    app.get('/class', { websocket: true }, (socket) => {
      socket.send('short')
      socket.send(LONG)
    })
  }, async (t, { connect }) => {
    const socket = connect('/class')
    const received: string[] = []
    socket.on('message', (data) => received.push(String(data)))
    while (received.length < 2) await once(socket, 'message')
    t.same(received, ['seen: short', `seen: ${LONG}`])
  }, { options: { WebSocket: Prefixing as never } })

  // Invalid messages

  scenario('a message larger than maxPayload closes the socket with 1009, and is not logged as an error of the server', addEcho, async (t, { open, logs }) => {
    const socket = await open('/echo')
    socket.send(Buffer.alloc(101))
    t.equal((await closed(socket)).code, 1009)
    t.same(errorsIn(logs), [])
    t.equal(logs.filter(({ err }) => err?.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH').length, 1)
  }, { options: { maxPayload: 100 } })

  scenario('more fragments than maxFragments close the socket with 1008', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    for (let index = 0; index < 5; index++) socket.send('x', { fin: false })
    t.equal((await closed(socket)).code, 1008)
  }, { options: { maxFragments: 4 } })

  scenario('text that is not UTF-8 closes the socket with 1007', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
    t.equal((await closed(socket)).code, 1007)
  })

  scenario('messages after text that is not UTF-8 are not emitted', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.on('message', () => t.fail('a message was echoed'))
    socket.send(Buffer.of(0x61, 0xff), { binary: false })
    socket.send('valid')
    t.equal((await closed(socket)).code, 1007)
  })

  scenario('skipUTF8Validation accepts text that is not UTF-8', (app) => {
    app.get('/length', { websocket: true }, (socket) => {
      socket.on('message', (data: Buffer) => socket.send(`${data.length}`))
    })
  }, async (t, { open }) => {
    const socket = await open('/length')
    socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
    t.equal(await nextText(socket), '2')
  }, { options: { skipUTF8Validation: true } })
}

class Prefixing extends WsWebSocket {
  override send (data: never, ...rest: unknown[]): void {
    super.send(`seen: ${String(data)}`, rest.at(-1) as () => void)
  }
}

/** Returns a Blob of another implementation than Node's, which ws accepts as well. */
function foreignBlob (content: string): object {
  const blob = new Blob([content])
  return {
    size: blob.size,
    type: blob.type,
    arrayBuffer: () => blob.arrayBuffer(),
    stream: () => blob.stream(),
    [Symbol.toStringTag]: 'Blob'
  }
}
