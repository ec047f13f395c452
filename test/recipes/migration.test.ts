/** The same checks of both programs in examples/recipes/migration: on @fastify/websocket, and on this plugin. */
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import t from 'tap'
import type { Test } from 'tap'
import { ROOT, read } from '../docs/pages.ts'
import { startRecipe } from '../helpers/recipes.ts'
import { H1, H1_TLS, H2C, H2_TLS } from '../helpers/transports.ts'
import type { ConnectOptions, Fixture } from '../helpers/transports.ts'
import { closed, nextText, nextTexts } from '../helpers/waiting.ts'

const IMPORT = '.cache/recipes/import.js'

const PROGRAMS = [
  { title: 'before', program: 'migration/before', transports: [H1, H1_TLS] },
  { title: 'before, with the new import', program: `../../${IMPORT.replace('.js', '')}`, transports: [H1, H1_TLS] },
  { title: 'after', program: 'migration/after', transports: [H1, H1_TLS, H2C, H2_TLS] }
]

await mkdir(new URL('.', new URL(IMPORT, ROOT)), { recursive: true })
await writeFile(new URL(IMPORT, ROOT), read('examples/recipes/migration/before.js')
  .replace("'@fastify/websocket'", "'fastify-websocket-h2'").replace('../../shared/', '../../examples/shared/'))

const CHECKS: Array<[string, (t: Test, fixture: Fixture) => Promise<void>, object?]> = [
  ['a message reaches all sockets, in order', async (t, { open }) => {
    const [ada, grace] = [await open('/chat?user=ada'), await open('/chat?user=grace')]
    const received = Promise.all([nextTexts(ada, 2), nextTexts(grace, 2)])
    ada.send('hello')
    ada.send('world')
    t.same(await received, Array(2).fill(['ada: hello', 'ada: world']))
  }],

  ['a handshake is refused by a hook with 401, and at an unknown path with 404', async (t, { refused }) => {
    t.equal((await refused('/chat')).status, 401)
    t.equal((await refused('/unknown')).status, 404)
  }],

  ['a page of the same origin opens a socket, and one of another origin does not', async (t, { origin, open, refused }) => {
    await open('/chat?user=ada', withOrigin(origin))
    for (const other of ['https://example.com', 'null', 'x']) {
      t.match((await refused('/chat?user=ada', withOrigin(other))).status, /^40[13]$/, other)
    }
  }],

  ['another WebSocket server is on the port, with sockets of its own', async (t, { app, open }) => {
    const [other, ada] = [await open('/other'), await open('/chat?user=ada')]
    other.send('hello')
    t.equal(await nextText(other), 'other: hello')
    other.on('message', () => t.fail('a message of the chat'))
    ada.send('hello')
    t.equal(await nextText(ada), 'ada: hello')
    t.equal(app.websocketServer.clients.size, 1)
  }],

  ['an invalid frame closes its socket only, on both servers', async (t, { open }) => {
    for (const url of ['/other', '/chat?user=ada']) {
      const [invalid, valid] = [await open(url), await open(url)]
      invalid.send(Buffer.from([0xff]), { binary: false })
      t.equal((await closed(invalid)).code, 1007)
      valid.send('hello')
      t.match(await nextText(valid), /: hello$/)
    }
  }],

  ['a client that does not answer pings loses its socket with 1006, and others keep theirs', async (t, { open }) => {
    const other = await open('/chat?user=grace')
    const silent = await open('/chat?user=ada', { autoPong: false } as ConnectOptions)
    t.equal((await closed(silent)).code, 1006)
    for (let pings = 0; pings < 2; pings++) await once(other, 'ping')
    t.equal(other.readyState, other.OPEN)
  }, { heartbeat: 300 }],

  ['a client that does not read loses its socket, and others receive everything', async (t, { app, open }) => {
    const [slow, ada] = [await open('/chat?user=slow'), await open('/chat?user=ada')]
    slow.on('message', () => {})
    slow.pause()
    const text = 'x'.repeat(500_000)
    const openSockets = (): number => {
      return [...app.websocketServer.clients].filter(({ readyState }) => readyState === slow.OPEN).length
    }
    let sent = 0
    for (; openSockets() === 2 && sent < 200; sent++) {
      ada.send(`${sent} ${text}`)
      t.equal(await nextText(ada), `ada: ${sent} ${text}`)
    }
    t.ok(sent < 200, 'the socket of the slow client is closing or closed')
    slow.resume()
    t.match(String((await closed(slow)).code), /^100[68]$/)
    ada.send('still here')
    t.equal(await nextText(ada), 'ada: still here')
  }],

  ['app.close() closes sockets with 1001, also if a client does not answer', async (t, { app, open }) => {
    const [ada, stuck] = [await open('/chat?user=ada'), await open('/chat?user=stuck')]
    stuck.pause()
    const ended = closed(ada)
    await app.close()
    t.same(await ended, { code: 1001, reason: 'restart' })
  }, { closeTimeout: 500 }]
]

for (const { title: name, program, transports } of PROGRAMS) {
  for (const transport of transports) {
    for (const [title, run, settings] of CHECKS) {
      void t.test(`${name}, ${transport.name}: ${title}`, async (t) => {
        await run(t, await startRecipe(t, program, transport, settings))
      })
    }
  }
}

function withOrigin (origin: string): ConnectOptions {
  return { headers: { origin } }
}
