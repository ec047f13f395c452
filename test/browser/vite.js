/** Tests Vite in middleware mode: its HMR sockets over HTTP/2, on the port of an app with the plugin. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import middie from '@fastify/middie'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { createCertificate } from '../helpers/certificate.js'
import { ViteProject, acceptedModule, reloadedModule } from '../helpers/vite.js'
import { openPage, recordConsole } from './pages.js'

/** Functions that make an app serve the files of Vite. They return its server. */
const MOUNTS = { 'with @fastify/middie': useMiddleware, 'in a notFoundHandler': handleNotFound }

/**
 * @param mount a key of MOUNTS
 * @param allowHTTP1 whether the server serves HTTP/1.1 too. Without it, a page does not notice that its server is back:
 *   without an HTTP/2 session, Chromium opens a WebSocket over HTTP/1.1
 */
export async function testVite (browser, checks, { mount, allowHTTP1 }) {
  const project = await ViteProject.create()
  const server = await ViteServer.start(project, { mount, allowHTTP1 })
  const page = await openPage(browser, server.url)
  const messages = recordConsole(page, (level) => level === 'error' || level === 'warning')
  const shown = (id, text) => page.locator(`#${id}`).getByText(text, { exact: true }).waitFor()
  const isReloaded = () => page.evaluate(() => globalThis.isSamePage !== true)
  const check = (name, run) => checks.run(`Vite ${mount}${allowHTTP1 ? '' : ', HTTP/2 only'}: ${name}`, run)

  await check('the HMR socket is a stream of the HTTP/2 session that loaded the page', async () => {
    await shown('accepted', 'first')
    assertOnSession(await server.nextHmrSocket(), server)
    await page.evaluate(() => { globalThis.isSamePage = true })
  })

  await check('a module that is accepted is replaced without a reload', async () => {
    await project.write('accepted.js', acceptedModule('second'))
    await shown('accepted', 'second')
    assert.equal(await isReloaded(), false)
  })

  await check('a module that is not accepted reloads the page, on the same session', async () => {
    await project.write('reloaded.js', reloadedModule('second'))
    await shown('reloaded', 'second')
    assert.equal(await isReloaded(), true)
    assertOnSession(await server.nextHmrSocket(), server)
  })

  await check('a websocket route serves the same page', async () => {
    assert.equal(await page.evaluate(receiveFromRoute), '2.0')
  })

  await check('after a restart of Vite the page reloads, on the same session', async () => {
    await page.evaluate(() => { globalThis.isSamePage = true })
    await server.vite.restart()
    assertOnSession(await server.nextHmrSocket(), server)
    await shown('reloaded', 'second')
    assert.equal(await isReloaded(), true)
  })

  await check('the browser reports no error and no warning', () => assert.deepEqual(messages, []))

  await check('the server closes before shutdownTimeout', async () => {
    await server.close()
    assert.deepEqual(server.warnings, [])
  })

  if (allowHTTP1) {
    await check('the page reloads when the server is back', async () => {
      const next = await ViteServer.start(project, { mount, allowHTTP1, port: server.port })
      assertOnSession(await next.nextHmrSocket(), next)
      await next.close()
    })
  }

  await page.context().close()
  await project.remove()
}

/** App with the page of a project, its modules, and a websocket route. */
class ViteServer {
  warnings = []
  vite
  port
  sessions = new Set()
  #app
  /** Promises of HMR sockets that have not been asked for, then of those that have not been opened. */
  #hmrSockets = []
  #waiting = []

  static async start (project, options) {
    const server = new ViteServer()
    await server.#start(project, options)
    return server
  }

  get url () {
    return `https://localhost:${this.port}`
  }

  /** Waits for the next HMR socket that is opened. Returns its connection. */
  async nextHmrSocket () {
    return this.#hmrSockets.shift() ?? await new Promise((resolve) => this.#waiting.push(resolve))
  }

  async close () {
    await this.#app.close()
  }

  async #start (project, { mount, allowHTTP1, port = 0 }) {
    const app = fastify({
      http2: true,
      https: { ...await createCertificate(), allowHTTP1 },
      logger: { level: 'warn', stream: { write: (line) => this.warnings.push(JSON.parse(line).msg) } }
    })
    this.#app = app
    app.server.on('session', (session) => this.sessions.add(session))
    app.server.on('upgrade', (request, connection) => this.#onUpgrade(request, connection))
    await app.register(websocket, { nodeVersionWarning: false })
    app.get('/version', { websocket: true }, (socket, request) => socket.send(request.raw.httpVersion))
    this.vite = await MOUNTS[mount](app, project)
    app.addHook('preClose', () => this.vite.close())
    await app.listen({ port, host: '127.0.0.1' })
    this.port = app.server.address().port
  }

  #onUpgrade ({ headers }, connection) {
    if (headers['sec-websocket-protocol'] !== 'vite-hmr') return
    const resolve = this.#waiting.shift()
    if (resolve === undefined) this.#hmrSockets.push(connection)
    else resolve(connection)
  }
}

async function useMiddleware (app, project) {
  const vite = await project.start(app.server, 'custom')
  await app.register(middie)
  app.use(vite.middlewares)
  app.get('/', async ({ url }, reply) => {
    const html = await readFile(`${project.root}/index.html`, 'utf8')
    return reply.type('text/html').send(await vite.transformIndexHtml(url, html))
  })
  return vite
}

async function handleNotFound (app, project) {
  const vite = await project.start(app.server, 'spa')
  app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    vite.middlewares(request.raw, reply.raw)
  })
  return vite
}

function assertOnSession ({ session }, { sessions }) {
  assert.equal(sessions.size, 1)
  assert.equal(sessions.has(session), true)
}

async function receiveFromRoute () {
  const socket = new WebSocket('/version')
  const version = await new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(data)
    socket.onerror = () => reject(new Error('the socket failed'))
  })
  socket.close()
  return version
}
