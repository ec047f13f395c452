import { readVersion, findProgram } from '../programs.js'

const program = () => findProgram(['nghttpx'])

export const nghttpx = {
  name: 'nghttpx',
  upstreamHttpVersion: '2.0',
  example: 'nghttpx.conf',
  install: 'apt-get install nghttp2-proxy',
  unsupported: {
    'metrics cannot be reached': 'it cannot refuse a path'
  },
  keepsForwardedHost: true,
  // It checks connections only, which a frozen node accepts.
  checksHealth: false,
  idleTimeoutSetting: { pattern: /((?:stream|backend)-read-timeout)=\w+/g, write: (ms) => `$1=${ms}ms` },
  find: async () => readVersion(await program(), ['--version'], /nghttp2\/(\S+)/),
  // Otherwise it runs two processes, and one of them survives when the other is killed.
  command: async ({ config }) => ({ file: await program(), args: [`--conf=${config}`, '--single-process'] })
}
