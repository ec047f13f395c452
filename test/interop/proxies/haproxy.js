import { readVersion, findProgram } from '../programs.js'

const program = () => findProgram(['haproxy'])

export const haproxy = {
  name: 'HAProxy',
  upstreamHttpVersion: '2.0',
  example: 'haproxy.cfg',
  install: 'apt-get install haproxy (2.4 or later)',
  unsupported: {},
  idleTimeoutSetting: { pattern: /(timeout tunnel) \w+/g, write: (ms) => `$1 ${ms}ms` },
  find: async () => readVersion(await program(), ['-v'], /version (\S+)/),
  command: async ({ config }) => ({ file: await program(), args: ['-db', '-f', config] })
}
