import { askVersion, findProgram } from '../programs.js'

const program = () => findProgram(['nghttpx'])

export const nghttpx = {
  name: 'nghttpx',
  over: '2.0',
  example: 'nghttpx.conf',
  install: 'apt-get install nghttp2-proxy',
  lacks: {},
  idleSetting: { pattern: /(stream-read-timeout)=\w+/g, write: (ms) => `$1=${ms}ms` },
  find: async () => askVersion(await program(), ['--version'], /nghttp2\/(\S+)/),
  // Two processes, otherwise, and one of them outlives a kill of the other.
  command: async ({ config }) => ({ file: await program(), args: [`--conf=${config}`, '--single-process'] })
}
