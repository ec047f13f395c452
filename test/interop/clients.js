/**
 * The clients: how each is found and started, and the handshake that it sends to a server of both HTTP versions, with TLS
 * (`tls`) and without (`cleartext`). A client that `fallsBackToHttp2` prefers HTTP/1.1, and also runs with a server that
 * has HTTP/2 only. `unsupported` and `unsupportedOverHttp2` name the scenarios that a client cannot run with any server,
 * and the reason.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../helpers/child-processes.js'
import { Agent } from './agents/agent.js'
import { Browser } from './agents/browser.js'
import { CACHE, findFile, findProgram } from './programs.js'
import { CONNECT, UPGRADE } from './transports.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const AGENTS = join(ROOT, 'test/interop/agents')
const JAVASCRIPT_AGENT = join(AGENTS, 'javascript.js')
const JARS = join(CACHE, 'java/lib')
const NO_FALLBACK = { 'fallback to HTTP/1.1': 'it supports HTTP/2 only' }
const NO_ABORT = { 'abort by the client': 'a WebSocket of the HTML standard cannot be aborted' }

const NODE = Number.parseInt(process.versions.node)

export const CLIENTS = [
  browser('Chromium', 'chrome', [process.env.CHROMIUM, '/usr/bin/chromium']),
  browser('Firefox', 'firefox', [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox']),
  {
    ...nodeClient('undici 7', 20, 'undici', ROOT),
    unsupported: { ...NO_ABORT, 'fallback to HTTP/1.1': 'with allowH2 it does not fall back' },
    unsupportedOverHttp2: { 'refused handshake': 'its socket emits neither an error nor a close' }
  },
  nodeClient('undici 8', 24, 'undici', CACHE),
  nodeClient('undici 8', 26, 'undici', CACHE),
  { ...nodeClient('WebSocket of Node', 24, 'built-in'), tls: UPGRADE },
  nodeClient('WebSocket of Node', 26, 'built-in'),
  { ...nodeClient('ws', NODE, 'ws'), name: 'ws', tls: UPGRADE, unsupported: {} },
  {
    ...runtimeClient('Deno', ['deno', 'run', '--allow-all', '--no-lock']),
    fallsBackToHttp2: true,
    unsupported: NO_ABORT
  },
  { ...runtimeClient('Bun', ['bun']), unsupported: {} },
  {
    name: 'Go, golang.org/x/net/http2',
    find: () => findProgram(['go']),
    start: startGoAgent,
    tls: CONNECT,
    cleartext: CONNECT,
    unsupported: NO_FALLBACK
  },
  {
    name: 'Java, reactor-netty',
    find: async () => await findFile([JARS]) && findProgram(['javac']),
    start: startJavaAgent,
    tls: CONNECT,
    cleartext: UPGRADE,
    unsupported: { 'fallback to HTTP/1.1': 'it reports an error if a server of HTTP/2 does not advertise Extended CONNECT' }
  },
  { ...pythonClient('Python, h2 + wsproto', 'h2_wsproto.py'), unsupported: NO_FALLBACK },
  {
    ...pythonClient('Python, niquests', 'niquests_agent.py'),
    unsupported: {
      ...NO_FALLBACK,
      'echo of 1 MiB': 'over HTTP/2 it sends a message as one DATA frame of up to 16 KiB',
      'close by the client, with code and reason': 'it always closes with code 0',
      'close by the server, with code and reason': 'it neither answers a Close frame nor reports it',
      'abort by the client': 'it cannot abort a socket'
    }
  }
]

function browser (name, kind, paths) {
  return {
    name,
    find: () => findFile(paths.filter(Boolean)),
    start: (path) => Browser.start(kind, path),
    isBrowser: true,
    tls: CONNECT,
    cleartext: UPGRADE,
    unsupported: NO_ABORT
  }
}

/** @param folder where the package of the client is installed, if it has one */
function nodeClient (name, major, kind, folder) {
  return {
    name: `${name}, Node ${major}`,
    find: () => findNode(major),
    start: (node, env) => Agent.start([node, JAVASCRIPT_AGENT, kind, folder ?? ''], env),
    tls: CONNECT,
    cleartext: UPGRADE,
    unsupported: NO_ABORT
  }
}

/** @param command a program that was installed by npm, and its arguments before the path of the agent */
function runtimeClient (name, command) {
  const [program, ...args] = command
  return {
    name,
    find: () => findFile([join(CACHE, 'node_modules/.bin', program)]),
    start: (file, env) => Agent.start([file, ...args, JAVASCRIPT_AGENT, 'built-in'], env),
    tls: UPGRADE,
    cleartext: UPGRADE
  }
}

function pythonClient (name, program) {
  return {
    name,
    find: () => findFile([join(CACHE, 'python/bin/python')]),
    start: (python, env) => Agent.start([python, '-B', join(AGENTS, 'python', program)], env),
    tls: CONNECT,
    cleartext: CONNECT
  }
}

/** Builds the client: with `go run`, a kill would reach only the parent process of the client. */
async function startGoAgent (go, env) {
  const program = join(CACHE, 'bin/go-agent')
  const code = await run(go, ['build', '-C', join(AGENTS, 'go'), '-o', program, '.'], { stdio: 'inherit' })
  if (code !== 0) throw new Error(`go build exited with ${code}`)
  return Agent.start([program], env)
}

async function startJavaAgent (javac, env) {
  const [sources, classes, jars] = [join(AGENTS, 'java'), join(CACHE, 'java/classes'), join(JARS, '*')]
  const args = ['-encoding', 'UTF-8', '-sourcepath', sources, '-classpath', jars, '-d', classes]
  const code = await run(javac, [...args, join(sources, 'ReactorNettyAgent.java')], { stdio: 'inherit' })
  if (code !== 0) throw new Error(`javac exited with ${code}`)
  return Agent.start([join(dirname(javac), 'java'), '-classpath', `${classes}:${jars}`, 'ReactorNettyAgent'], env)
}

async function findNode (major) {
  if (NODE === major) return process.execPath
  return findFile([join(ROOT, `.cache/node-${major}/node_modules/.bin/node`)])
}
