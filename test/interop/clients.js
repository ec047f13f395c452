/**
 * The clients: how each is found and started, and what carries its sockets over TLS (`tls`) and in clear (`clear`) to a
 * server that speaks all. `lacks` and `lacksOverHttp2` tell what a client cannot do, whatever the server, by the scenario
 * that asks for it.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../helpers/children.js'
import { Agent } from './agents/agent.js'
import { Browser } from './agents/browser.js'
import { CONNECT, UPGRADE } from './over.js'
import { CACHE, findFile, findProgram } from './programs.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const AGENTS = join(ROOT, 'test/interop/agents')
const NODE_AGENT = join(AGENTS, 'node.js')
const NO_FALLBACK = { 'fallback to HTTP/1.1': 'it speaks HTTP/2 alone' }
const NO_ABORT = { 'abort of one socket': 'a WebSocket of the HTML standard has no abort' }

const NODE = Number.parseInt(process.versions.node)

export const CLIENTS = [
  browser('Chromium', 'chrome', [process.env.CHROMIUM, '/usr/bin/chromium']),
  browser('Firefox', 'firefox', [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox']),
  {
    ...nodeClient('undici 7', 20, 'undici', ROOT),
    lacks: { ...NO_ABORT, 'fallback to HTTP/1.1': 'with allowH2 it does not fall back' },
    lacksOverHttp2: { 'refused handshake': 'its socket tells neither an error nor a close' }
  },
  nodeClient('undici 8', 24, 'undici', CACHE),
  nodeClient('undici 8', 26, 'undici', CACHE),
  { ...nodeClient('WebSocket of Node', 24, 'built-in'), tls: UPGRADE },
  nodeClient('WebSocket of Node', 26, 'built-in'),
  { ...nodeClient('ws', NODE, 'ws'), name: 'ws', tls: UPGRADE, lacks: {} },
  {
    name: 'Go, golang.org/x/net/http2',
    find: () => findProgram(['go']),
    start: startGoAgent,
    tls: CONNECT,
    clear: CONNECT,
    lacks: NO_FALLBACK
  },
  { ...pythonClient('Python, h2 + wsproto', 'h2_wsproto.py'), lacks: NO_FALLBACK },
  {
    ...pythonClient('Python, niquests', 'niquests_agent.py'),
    lacks: {
      ...NO_FALLBACK,
      'echo of 1 MiB': 'over HTTP/2 it sends a message as one DATA frame, of 16 KiB at most',
      'close by the client, with code and reason': 'it closes with the code 0',
      'close by the server, with code and reason': 'it neither answers a Close nor tells it',
      'abort of one socket': 'it has no abort'
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
    clear: UPGRADE,
    lacks: NO_ABORT
  }
}

/** `folder` is where its package is installed, if it has one. */
function nodeClient (name, major, kind, folder) {
  return {
    name: `${name}, Node ${major}`,
    find: () => findNode(major),
    start: (node, env) => Agent.start([node, NODE_AGENT, kind, folder ?? ''], env),
    tls: CONNECT,
    clear: UPGRADE,
    lacks: NO_ABORT
  }
}

function pythonClient (name, program) {
  return {
    name,
    find: () => findFile([join(CACHE, 'python/bin/python')]),
    start: (python, env) => Agent.start([python, '-B', join(AGENTS, 'python', program)], env),
    tls: CONNECT,
    clear: CONNECT
  }
}

/** Built, so that a kill reaches it: `go run` is its parent. */
async function startGoAgent (go, env) {
  const program = join(CACHE, 'bin/go-agent')
  const code = await run(go, ['build', '-C', join(AGENTS, 'go'), '-o', program, '.'], { stdio: 'inherit' })
  if (code !== 0) throw new Error(`go build ended with ${code}`)
  return Agent.start([program], env)
}

async function findNode (major) {
  if (NODE === major) return process.execPath
  return findFile([join(ROOT, `.cache/node-${major}/node_modules/.bin/node`)])
}
