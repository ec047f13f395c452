import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { connect } from 'fastify-websocket-h2/client'
import { parseAllDocuments } from 'yaml'
import { kill, killOnExit } from '../helpers/child-processes.js'
import { accepts, findPort } from '../helpers/ports.js'
import { waitUntil } from '../helpers/polling.js'
import { withTimeout } from './commands.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MANIFEST = new URL('../../examples/kubernetes/deployment.yaml', import.meta.url)
/** Part of the grace period, in s, that is left when everything has taken its longest time. */
const RESERVE = 5
const SOCKETS = 10
/** In ms. */
const DRAIN_TIME = 1000

/** Runs the server of examples/kubernetes as its manifest does, except for ports and times, and checks the manifest. */
export async function runKubernetes (report) {
  const row = report.addRow('Kubernetes', '', 'examples/kubernetes')
  const manifest = await readManifest()
  await row.check('the manifest gives the server enough time to end', () => checkTimes(manifest))
  await row.check('the manifest names its own ports, and does not expose the one of the administration', () => checkPorts(manifest))
  await row.check('a pod that ends is not ready, moves its sockets, and exits', () => withServer(manifest, testEnd))
  await row.check('a check over HTTP/1.1 fails at a port of HTTP/2 without TLS', () => withServer(manifest, testHttp1))
}

async function readManifest () {
  const objects = parseAllDocuments(await readFile(MANIFEST, 'utf8')).map((document) => document.toJS())
  const [service, deployment] = ['Service', 'Deployment'].map((kind) => objects.find((each) => each.kind === kind))
  const pod = deployment.spec.template
  const [container] = pod.spec.containers
  return { service, deployment, pod, container, env: Object.fromEntries(container.env.map(({ name, value }) => [name, value])) }
}

function checkTimes ({ pod, container, env }) {
  const { terminationGracePeriodSeconds: grace } = pod.spec
  const preStop = container.lifecycle.preStop.sleep.seconds
  const ending = preStop + (Number(env.DRAIN_TIME) + Number(env.SHUTDOWN_TIMEOUT)) / 1000
  assert.ok(ending + RESERVE <= grace, `${ending} of ${grace} s`)
}

function checkPorts ({ service, deployment, pod, container, env }) {
  assert.deepEqual(service.spec.selector, pod.metadata.labels)
  assert.deepEqual(deployment.spec.selector.matchLabels, pod.metadata.labels)
  const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, String(containerPort)]))
  assert.deepEqual(ports, { web: env.PORT, admin: env.ADMIN_PORT })
  assert.deepEqual(service.spec.ports.map(({ targetPort }) => targetPort), ['web'])
  assert.equal(container.readinessProbe.httpGet.port, 'admin')
}

async function testEnd ({ child, port, get, readiness }) {
  assert.equal((await get('/metrics')).status, 200)
  const sockets = await openMany(port, SOCKETS)
  assert.equal(await readiness(), 200)

  const [exited, closed] = [once(child, 'exit'), sockets.map((socket) => once(socket, 'close'))]
  child.kill('SIGTERM')
  await waitUntil('a pod that is not ready', async () => await readiness() === 503)
  // A proxy that has not noticed may still lead a client here.
  const [late] = await openMany(port, 1)
  closed.push(once(late, 'close'))
  const codes = (await withTimeout('the sockets', Promise.all(closed))).map(([code]) => code)
  assert.deepEqual(codes, Array(SOCKETS + 1).fill(1012))
  const [code] = await withTimeout('the exit', exited)
  assert.equal(code, 0)
}

async function testHttp1 ({ port, readiness }) {
  // The HTTP/2 frames of the server are no response of HTTP/1.1.
  await assert.rejects(once(request({ port, path: '/health' }).end(), 'response'), { code: 'HPE_INVALID_CONSTANT' })
  assert.equal(await readiness(), 200)
}

async function openMany (port, count) {
  const sockets = Array.from({ length: count }, () => connect(`ws://127.0.0.1:${port}/echo`, { http: '2' }))
  await withTimeout('sockets that open', Promise.all(sockets.map((socket) => once(socket, 'open'))))
  return sockets
}

async function withServer ({ container, env }, run) {
  const [port, admin] = [await findPort(), await findPort()]
  const [, ...args] = container.command
  const child = killOnExit(spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env, PORT: port, ADMIN_PORT: admin, DRAIN_TIME },
    stdio: ['ignore', 'ignore', 'inherit']
  }))
  const get = (path) => fetch(`http://127.0.0.1:${admin}${path}`)
  try {
    await waitUntil('a server that listens', () => accepts(admin))
    await run({ child, port, get, readiness: async () => (await get('/health')).status })
  } finally {
    await kill(child)
  }
}
