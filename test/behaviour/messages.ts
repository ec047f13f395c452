import { once } from 'node:events'
import { WebSocket as WsWebSocket } from 'ws'
import { addEcho, closed, sentences, text } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'

const LONG = 'l'.repeat(5000)

/** What `send()` takes, and what comes of it. The same is sent in a long message, which takes another way. */
const KINDS: Array<[name: string, data: unknown, options: object | undefined, received: [string, boolean]]> = [
  ['text', 'grüße', undefined, ['grüße', false]],
  ['no text', '', undefined, ['', false]],
  ['half a letter', '\ud800', undefined, ['\ufffd', false]],
  ['a number', 42, undefined, ['42', false]],
  ['null', null, undefined, ['', true]],
  ['undefined', undefined, undefined, ['', true]],
  ['a Buffer', Buffer.from('abcd'), undefined, ['abcd', true]],
  ['an ArrayBuffer', new TextEncoder().encode('abcd').buffer, undefined, ['abcd', true]],
  ['a Uint16Array', new Uint16Array(Uint8Array.from(Buffer.from('abcd')).buffer), undefined, ['abcd', true]],
  ['a DataView', new DataView(new TextEncoder().encode('abcd').buffer, 1, 2), undefined, ['bc', true]],
  ['shared bytes', new Uint8Array(new SharedArrayBuffer(2)), undefined, ['\0\0', true]],
  ['bytes as text', Buffer.from('abcd'), { binary: false }, ['abcd', false]],
  ['text as bytes', 'abcd', { binary: true }, ['abcd', true]],
  ['bytes with an option that is undefined', Buffer.from('abcd'), { binary: undefined }, ['abcd', false]],
  ['long bytes with an option that is undefined', Buffer.from(LONG), { binary: undefined }, [LONG, false]],
  ['text, and null for options', 'abcd', null as never, ['abcd', false]],
  ['text with an option that is undefined', 'abcd', { mask: undefined }, ['abcd', false]]
]

/** Messages of every kind and size, which come as they were sent whichever transport carries the socket. */
export function behaveByMessage (transport: Transport): void {
  const sentence = sentences(transport)

  sentence('whatever ws can send comes as it was sent', (app) => {
    app.get('/kinds', { websocket: true }, (socket) => {
      for (const [, data, options] of KINDS) socket.send(data as never, options as never)
    })
  }, async (t, { connect }) => {
    const socket = connect('/kinds')
    const received: Array<[string, boolean]> = []
    socket.on('message', (data, isBinary) => received.push([String(data), isBinary]))
    while (received.length < KINDS.length) await once(socket, 'message')
    for (const [index, [name, , , expected]] of KINDS.entries()) t.same(received[index], expected, name)
  })

  sentence('messages keep their order, be they short, long, in parts or Blobs', (app) => {
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

  sentence('a handler gets bytes in the binaryType that it has chosen', (app) => {
    app.get('/type', { websocket: true }, (socket) => {
      socket.on('message', (data: unknown, isBinary) => {
        socket.send(`${isBinary} ${Array.isArray(data) ? 'fragments' : (data as object).constructor.name}`)
        if (!isBinary) socket.binaryType = String(data) as 'fragments'
      })
    })
  }, async (t, { open }) => {
    const socket = await open('/type')
    const kinds = { arraybuffer: 'ArrayBuffer', fragments: 'fragments', blob: 'Blob', nodebuffer: 'Buffer' }
    for (const [type, name] of Object.entries(kinds)) {
      socket.send(type)
      t.equal(await text(socket), 'false Buffer')
      socket.send(Buffer.of(1, 2))
      t.equal(await text(socket), `true ${name}`)
    }
  })

  sentence('what is not UTF-8 closes with 1007, and what follows is not heard', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.on('message', () => t.fail('nothing is echoed'))
    socket.send(Buffer.of(0x61, 0xff), { binary: false })
    socket.send('right')
    t.equal((await closed(socket)).code, 1007)
  })

  sentence('the callback of send() is told of success, and of a socket that is not open', (app) => {
    app.get('/told', { websocket: true }, (socket) => {
      const told: unknown[] = []
      socket.send('sent', (error) => {
        told.push(error)
        socket.close()
        socket.send('late', (error) => {
          told.push(error?.message)
          app.server.emit('told', told, socket.bufferedAmount)
        })
      })
    })
  }, async (t, { app, connect }) => {
    const seen = once(app.server, 'told')
    const end = closed(connect('/told'))
    const [[sent, late], amount] = await seen
    await end
    t.equal(sent ?? undefined, undefined)
    t.equal(late, 'WebSocket is not open: readyState 2 (CLOSING)')
    t.ok(amount >= 4, 'what was not sent is counted')
  })

  sentence('the send() of a user\'s class sees each message', (app) => {
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
  }, { options: { WebSocket: Seen as never } })
}

class Seen extends WsWebSocket {
  override send (data: never, ...rest: unknown[]): void {
    super.send(`seen: ${String(data)}`, rest.at(-1) as () => void)
  }
}

/** A Blob as another implementation makes it, which ws takes too. */
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
