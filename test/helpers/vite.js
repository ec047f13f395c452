import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createServer } from 'vite'

/** `main.js` accepts new versions of `accepted.js`. A new version of `reloaded.js` needs a reload of the page. */
const FILES = {
  'index.html': `<!doctype html>
<link rel="icon" href="data:,">
<p id="accepted"></p>
<p id="reloaded"></p>
<script type="module" src="/main.js"></script>
`,
  'main.js': `import { value } from './accepted.js'
import './reloaded.js'
show(value)
import.meta.hot.accept('./accepted.js', ({ value }) => show(value))
function show (value) { document.querySelector('#accepted').textContent = value }
`,
  'accepted.js': acceptedModule('first'),
  'reloaded.js': reloadedModule('first')
}

/** Returns the code of `accepted.js` with which the page shows a text. */
export function acceptedModule (text) {
  return `export const value = '${text}'\n`
}

/** Returns the code of `reloaded.js` with which the page shows a text. */
export function reloadedModule (text) {
  return `document.querySelector('#reloaded').textContent = '${text}'\n`
}

/** Project of a page with three modules, in a temporary folder. */
export class ViteProject {
  root

  static async create () {
    const project = new ViteProject()
    project.root = await mkdtemp(join(await realpath(tmpdir()), 'fastify-websocket-h2-vite-'))
    for (const [name, text] of Object.entries(FILES)) await project.write(name, text)
    return project
  }

  /** Starts Vite in middleware mode, with its HMR sockets on a server, and under a path if there is one. */
  async start (server, appType, path) {
    const vite = await createServer({
      root: this.root,
      cacheDir: join(this.root, '.vite'),
      appType,
      configFile: false,
      logLevel: 'error',
      optimizeDeps: { noDiscovery: true },
      server: { middlewareMode: true, ws: { server, path } }
    })
    await this.untilWatched(vite)
    return vite
  }

  /** Waits until Vite notices changes of the files. */
  async untilWatched ({ watcher }) {
    while (Object.keys(FILES).some((name) => !watcher.getWatched()[this.root]?.includes(name))) await nextTurn()
  }

  /**
   * Writes a file.
   *
   * @param noticed resolves when Vite has noticed it. Until then the file is written again every 5 s: the watcher of
   * Vite can miss a change
   */
  async write (name, text, noticed) {
    const path = join(this.root, name)
    await writeFile(path, text)
    if (noticed === undefined) return
    const timer = setInterval(() => writeFile(path, text), 5000)
    try {
      await noticed
    } finally {
      clearInterval(timer)
    }
  }

  async remove () {
    await rm(this.root, { recursive: true, force: true })
  }
}
