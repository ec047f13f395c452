import { existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { readVersion, findProgram } from '../programs.js'

const program = () => findProgram(['apache2', 'httpd'])
const MODULES = [
  'mpm_event', 'authz_core', 'headers', 'http2', 'proxy', 'proxy_http', 'slotmem_shm', 'watchdog', 'proxy_balancer',
  'proxy_hcheck', 'lbmethod_byrequests', 'ssl'
]
const MODULE_FOLDERS = ['/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/local/apache2/modules']

const NOT_REPORTED = 'over HTTP/2 it does not report the loss of the app to its client'

// Its name differs between distributions.
const NOGROUP = 65534

export const httpd = {
  name: 'Apache httpd',
  upstreamHttpVersion: '1.1',
  example: 'httpd.conf',
  install: 'apt-get install apache2 (2.4.58 or later)',
  unsupported: {
    '50 sockets at once': 'it limits an HTTP/2 connection to six sockets at first',
    'abort by the server': NOT_REPORTED,
    'killed and restarted app': NOT_REPORTED,
  },
  // To six sockets on an HTTP/2 connection, at first.
  isLimited: true,
  // Over HTTP/1.1, the longer of the two applies.
  idleTimeoutSetting: { pattern: /ProxyTimeout \w+/g, write: (ms) => `ProxyTimeout ${toSeconds(ms)}\nTimeout ${toSeconds(ms)}` },
  find: async () => readVersion(await program(), ['-v'], /Apache\/(\S+)/),
  command: async ({ config, folder }) => ({
    file: await program(),
    args: ['-d', folder, '-f', config, ...await baseDirectives(folder), '-DFOREGROUND']
  })
}

function toSeconds (ms) {
  return Math.ceil(ms / 1000)
}

/** Returns, as arguments, what a distribution's own configuration sets before it includes one like the example. */
async function baseDirectives (folder) {
  const modules = await findModules()
  const directives = [
    ...MODULES.filter((name) => existsSync(modulePath(modules, name)))
      .map((name) => `LoadModule ${name}_module ${modulePath(modules, name)}`),
    'ServerName localhost',
    `PidFile ${join(folder, 'httpd.pid')}`,
    `DefaultRuntimeDir ${folder}`,
    'ErrorLog /dev/stderr',
    ...process.getuid() === 0 ? ['User nobody', `Group #${NOGROUP}`] : []
  ]
  return directives.flatMap((directive) => ['-C', directive])
}

/** Returns the path of a module, where no file is if the module is built in. */
function modulePath (folder, name) {
  return join(folder, `mod_${name}.so`)
}

async function findModules () {
  for (const folder of MODULE_FOLDERS) {
    if (await access(folder).then(() => true, () => false)) return folder
  }
  throw new Error(`None of ${MODULE_FOLDERS.join(', ')} exists: add the folder of Apache's modules to httpd.js`)
}
