import { join } from 'node:path'
import { askVersion, findProgram } from '../programs.js'

const program = () => findProgram(['caddy'], ['bin'])

export const caddy = {
  name: 'Caddy',
  over: '1.1',
  example: 'Caddyfile',
  install: 'GOBIN="$PWD/.cache/interop/bin" go install github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9',
  lacks: {},
  // For HTTP/2 in front. Over HTTP/1.1 it never closes a socket for being quiet.
  idleSetting: { pattern: /(read_body_idle) \w+/g, write: (ms) => `$1 ${ms}ms` },
  find: async () => askVersion(await program(), ['build-info'], /caddy\/v2\s+v([\d.]+)/),
  command: async ({ config, folder }) => ({
    file: await program(),
    args: ['run', '--adapter', 'caddyfile', '--config', config],
    env: {
      GODEBUG: 'http2xconnect=1',
      // What it keeps, and the port that it is steered by, are not for two of them to share.
      XDG_CONFIG_HOME: folder,
      XDG_DATA_HOME: folder,
      CADDY_ADMIN: `unix/${join(folder, 'caddy.sock')}`
    }
  })
}
