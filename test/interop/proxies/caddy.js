import { join } from 'node:path'
import { readVersion, findProgram } from '../programs.js'

const program = () => findProgram(['caddy'], ['bin'])

export const caddy = {
  name: 'Caddy',
  upstreamHttpVersion: '1.1',
  example: 'Caddyfile',
  install: 'GOBIN="$PWD/.cache/interop/bin" go install github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9',
  unsupported: {},
  // For clients of HTTP/2.
  http1IdleTimeout: false,
  idleTimeoutSetting: { pattern: /(read_body_idle) \w+/g, write: (ms) => `$1 ${ms}ms` },
  find: async () => readVersion(await program(), ['build-info'], /caddy\/v2\s+v([\d.]+)/),
  command: async ({ config, folder }) => ({
    file: await program(),
    args: ['run', '--adapter', 'caddyfile', '--config', config],
    env: {
      GODEBUG: 'http2xconnect=1',
      // Two Caddys cannot share their files and their admin endpoint.
      XDG_CONFIG_HOME: folder,
      XDG_DATA_HOME: folder,
      CADDY_ADMIN: `unix/${join(folder, 'caddy.sock')}`
    }
  })
}
