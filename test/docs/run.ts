import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import type plugin from '../../index.ts'
import { createCertificate } from '../helpers/certificate.js'
import { read } from './pages.ts'
import type { Block } from './pages.ts'
import { apps, connections, ports } from './ports.ts'
import type { Listening } from './ports.ts'
import type { Fragment, Scope } from './scope.ts'
import type { ConnectOptions, WebSocket, connect as connectSocket } from './subjects.ts'

/** Runs blocks of code, each in a test of its own. */
export interface Runner {
  runFragment: (t: Test, block: Block, name: string) => Promise<void>
  runProgram: (t: Test, block: Block, name: string, setup?: string) => Promise<void>
}

/** A server that a program connects to. */
interface Peer {
  sockets: number
}

interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stderr: string
}

type Version = NonNullable<ConnectOptions['http']>
type Headers = Record<string, string>
type Open = (url: string, headers: Headers) => Promise<WebSocket>

/** Matches a fragment that registers the plugin on the app that it is given. */
const REGISTERS = /\bapp\.register\((?:websocket|fastifyWebsocketH2)\b/
/** Matches a program that opens sockets, and ends without a signal. */
const IS_CLIENT = /from '(?:fastify-websocket-h2\/client|node:test|undici)'|\binjectWS\(/
const CLIENT_URL = /['"`](ws|http)(s?):\/\/[\w.-]+(?::(\d+))?/
/** Other WebSocket servers that a program may have on its port, and a URL of each. */
const OTHER_SERVERS: Array<[RegExp, string]> = [
  [/from 'socket\.io'/, '/socket.io/?EIO=4&transport=websocket'],
  [/from 'ws'/, '/graphql']
]
const PEM = /['"`](?:\.\/)?([\w./-]+\.(?:pem|key|crt))['"`]/g

const secrets = await createCertificate('localhost', 'example.com', '*.example.com')
const quiet = { log () {}, warn () {}, error () {} }

/** Creates the runner of code that was compiled together with the package, whose directory is the root. */
export async function createRunner (root: string): Promise<Runner> {
  const directory = join(root, 'dist', 'test', 'docs')
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, { default: string }> }
  const { default: websocket } = await load(root, exports['.']!.default) as { default: typeof plugin }
  const { connect } = await load(root, exports['./client']!.default) as { connect: typeof connectSocket }
  return { runFragment, runProgram }

  /** Runs a fragment with the names of its scope, then opens a socket to each of its routes. */
  async function runFragment (t: Test, block: Block, name: string): Promise<void> {
    begin(t)
    const app = await createApp({ http2: true, https: { ...secrets, allowHTTP1: true } }, !REGISTERS.test(block.code))
    const { default: fragment } = await load(directory, toJavaScript(name)) as { default: Fragment }
    const opened: WebSocket[] = []
    const connectAndKeep = (...parameters: unknown[]): WebSocket => {
      opened.push(Reflect.apply(connect, undefined, parameters))
      return opened.at(-1)!
    }
    await fragment({ ...createScope(t, app), connect: connectAndKeep as typeof connect })
    for (const socket of opened) await endOfHandshake(socket)

    for (const { app, urls } of apps) {
      if (!app.hasDecorator('injectWS')) continue
      await app.ready()
      await visit(t, block, urls, (url, headers) => app.injectWS(url, { headers }))
    }
  }

  /**
   * Runs a program in a process of its own. A server receives a socket for each of its routes, and then SIGTERM. A
   * client, or a test, must end without a signal. For a client that has no server, one starts with the routes of the
   * block's setup.
   */
  async function runProgram (t: Test, block: Block, name: string, setup?: string): Promise<void> {
    begin(t)
    await writeSecrets(block.code)
    const isServer = /\.listen\(/.test(block.code)
    const peer = isServer ? undefined : await startPeer(t, block, setup)
    if (peer === undefined) t.equal(setup, undefined, 'only a program without a server has a setup')

    const child = fork(join(directory, toJavaScript(name)), {
      cwd: root,
      execArgv: ['--import', pathToFileURL(join(directory, 'ports.js')).href],
      env: { PATH: process.env.PATH, DOCS_PORTS: JSON.stringify([...ports]) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    t.teardown(() => child.kill('SIGKILL'))
    const ended = end(child)

    const isClient = IS_CLIENT.test(block.code)
    t.ok(isServer || isClient || peer !== undefined, 'it is a server, a client or a test')
    if (isServer && !isClient) {
      const [listening] = await Promise.race([once(child, 'message'), ended.then(fail)]) as [Listening]
      for (const http of versionsOf(listening, block.code)) {
        const urls = [...listening.urls, ...otherUrls(block.code)]
        await visit(t, block, urls, (url, headers) => openTo(listening, url, { headers, http }))
      }
      child.kill('SIGTERM')
    }
    const { code, signal, stderr } = await ended
    t.equal(stderr, '', 'it reports no error')
    t.ok(code === 0 || signal === 'SIGTERM', `it ends with ${signal ?? code}`)
    if (peer !== undefined) t.ok(peer.sockets > 0, 'it opened a socket')
  }

  async function createApp (options: object, hasPlugin: boolean): Promise<FastifyInstance> {
    const app: FastifyInstance = fastify(options as FastifyServerOptions)
    if (hasPlugin) await app.register(websocket)
    return app
  }

  function createScope (t: Test, app: FastifyInstance): Scope {
    const libraries = { assert, connect, fastify, fastifyWebsocketH2: websocket, http2, once, websocket }
    return { app, t, console: quiet, ca: secrets.cert, ...secrets, ...libraries }
  }

  /** Starts a server that a program connects to: at the first URL that it names, with the routes of the setup. */
  async function startPeer (t: Test, { code }: Block, setup: string | undefined): Promise<Peer | undefined> {
    const [, scheme, secure, port] = code.match(CLIENT_URL) ?? []
    if (scheme === undefined) return undefined
    const app = await createApp(secure === '' ? {} : { http2: true, https: { ...secrets, allowHTTP1: true } }, true)
    if (setup === undefined) addEcho(app)
    else await (await load(directory, setup) as { default: Fragment }).default(createScope(t, app))
    const peer = { sockets: 0 }
    app.websocketServer.on('connection', () => { peer.sockets++ })
    await app.listen({ port: 0 })
    ports.set(Number(port ?? (secure === '' ? 80 : 443)), (app.server.address() as AddressInfo).port)
    return peer
  }

  async function openTo ({ port, secure }: Listening, url: string, options: ConnectOptions): Promise<WebSocket> {
    const origin = `${secure ? 'wss' : 'ws'}://localhost:${port}`
    const socket = connect(origin + url, { rejectUnauthorized: false, ...options })
    await once(socket, 'open')
    return socket
  }

  async function writeSecrets (code: string): Promise<void> {
    for (const [, file] of code.matchAll(PEM)) {
      await mkdir(dirname(join(root, file!)), { recursive: true })
      await writeFile(join(root, file!), file!.includes('key') ? secrets.key : secrets.cert)
    }
  }
}

/** The HTTP versions that a server speaks. */
function versionsOf ({ secure, http2 }: Listening, code: string): Version[] {
  if (!http2) return ['1.1']
  return secure && code.includes('allowHTTP1: true') ? ['2', '1.1'] : ['2']
}

/** URLs of other WebSocket servers, which are no routes of Fastify. */
function otherUrls (code: string): string[] {
  return OTHER_SERVERS.flatMap(([pattern, url]) => pattern.test(code) ? [url] : [])
}

/** Forgets the servers and connections of the block before. Closes those of this one when its test ends. */
function begin (t: Test): void {
  ports.clear()
  for (const list of [apps, connections]) list.length = 0
  t.teardown(async () => {
    for (const connection of connections) connection.destroy()
    for (const { app } of apps) await app.close()
  })
}

/**
 * Opens a socket to each route, with the parameters, the query and the credentials that the code requires. Without the
 * credentials the socket has to be refused.
 */
async function visit (t: Test, { code }: Block, urls: string[], open: Open): Promise<void> {
  const [authorization] = code.match(/\bBearer [\w ]+(?=')/) ?? []
  const [cookie] = code.match(/(?<=headers\.cookie !== ')[^']+/) ?? []
  const credentials = { ...(authorization !== undefined && { authorization }), ...(cookie !== undefined && { cookie }) }
  const query = [...code.matchAll(/\brequired: \['(\w+)'\]/g)].map(([, name]) => `${name}=x`).join('&')
  for (const url of urls) {
    const path = url.replace(/:\w+|\*/g, 'x') + (query === '' ? '' : `?${query}`)
    if (Object.keys(credentials).length > 0) {
      await t.rejects(open(path, {}), /: 401$/, `${url}: is refused without credentials`)
    }
    const socket = await open(path, credentials)
    const closed = once(socket, 'close')
    socket.ping()
    await Promise.race([once(socket, 'pong'), closed])
    socket.close()
    const [closeCode] = await closed as [number]
    t.ok(closeCode !== 1011 || code.includes('1011'), `${url}: its handler does not fail`)
  }
}

/** Waits until a socket is open or has failed: one whose connection is destroyed before emits an error. */
async function endOfHandshake (socket: WebSocket): Promise<void> {
  if (socket.readyState !== socket.CONNECTING) return
  await new Promise((resolve) => socket.once('open', resolve).once('close', resolve))
}

function addEcho (app: FastifyInstance): void {
  app.get('/*', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
}

async function end (child: ChildProcess): Promise<Ended> {
  let stderr = ''
  child.stderr!.on('data', (chunk) => { stderr += String(chunk) })
  const [code, signal] = await once(child, 'close')
  return { code, signal, stderr }
}

function fail ({ code, signal, stderr }: Ended): never {
  throw new Error(`it ended with ${signal ?? code}: ${stderr}`)
}

async function load (directory: string, name: string): Promise<unknown> {
  return await import(pathToFileURL(join(directory, name)).href)
}

function toJavaScript (name: string): string {
  return name.replace(/ts$/, 'js')
}
