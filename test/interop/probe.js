/** Runs the built command `probe` against an app behind a proxy. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url))

/** Checks that the probe opens sockets over both HTTP versions, through a proxy that supports Extended CONNECT. */
export async function checkProbe (proxied, folder) {
  const url = `${proxied.originFor(true).replace('https', 'wss')}/echo?id=probe`
  const { code, result } = await runProbe('--ca', join(folder, 'ca.pem'), '--send', 'hello', url)
  assert.equal(code, 0, result.diagnosis)
  assert.equal(result.connection.alpnProtocol, 'h2')
  assert.equal(result.settings.enableConnectProtocol, true)
  assert.equal(result.socket.httpVersion, '2')
  assert.equal(result.socket.answer.text, 'hello')
  assert.equal(result.otherVersion.outcome, 'opened')
}

function runProbe (...parameters) {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'probe', '--json', ...parameters], (error, stdout) => {
      resolve({ code: error?.code ?? 0, result: JSON.parse(stdout) })
    })
  })
}
