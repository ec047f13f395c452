import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { askVersion, findProgram } from '../programs.js'

const program = () => findProgram(['apache2', 'httpd'])
const MODULES = ['mpm_event', 'authz_core', 'http2', 'proxy', 'proxy_http', 'ssl']
const MODULE_FOLDERS = ['/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/local/apache2/modules']

const SILENT = 'over HTTP/2 it does not tell its client that the app has gone'

// Its name is another one on each distribution.
const NOGROUP = 65534

export const httpd = {
  name: 'Apache httpd',
  over: '1.1',
  example: 'httpd.conf',
  install: 'apt-get install apache2 (2.4.58 or later)',
  lacks: {
    '50 sockets at once': 'it lets a connection of HTTP/2 have six at first',
    'abort by the server': SILENT,
    'an app that is killed, and comes back': SILENT
  },
  // Over HTTP/1.1, the longer one of the two holds.
  idleSetting: { pattern: /ProxyTimeout \w+/g, write: (ms) => `ProxyTimeout ${toSeconds(ms)}\nTimeout ${toSeconds(ms)}` },
  find: async () => askVersion(await program(), ['-v'], /Apache\/(\S+)/),
  command: async ({ config, folder }) => ({
    file: await program(),
    args: ['-d', folder, '-f', config, ...await surroundings(folder), '-DFOREGROUND']
  })
}

function toSeconds (ms) {
  return Math.ceil(ms / 1000)
}

/** What a distribution's own configuration does before it includes one like the example. */
async function surroundings (folder) {
  const modules = await findModules()
  const directives = [
    ...MODULES.map((name) => `LoadModule ${name}_module ${join(modules, `mod_${name}.so`)}`),
    'ServerName localhost',
    `PidFile ${join(folder, 'httpd.pid')}`,
    `DefaultRuntimeDir ${folder}`,
    'ErrorLog /dev/stderr',
    ...process.getuid() === 0 ? ['User nobody', `Group #${NOGROUP}`] : []
  ]
  return directives.flatMap((directive) => ['-C', directive])
}

async function findModules () {
  for (const folder of MODULE_FOLDERS) {
    if (await access(folder).then(() => true, () => false)) return folder
  }
  throw new Error(`None of ${MODULE_FOLDERS.join(', ')} is there: add the folder of Apache's modules to httpd.js`)
}
