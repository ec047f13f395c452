import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../../.cache/references/', import.meta.url))

/**
 * Echo servers of other ecosystems that speak RFC 8441, as install.sh leaves them. A command also takes the files of a
 * certificate and its key; what it starts prints where it listens and what it is, as a line of JSON.
 */
export const references = [
  { name: 'go', label: 'Go x/net/http2', command: [`${CACHE}go-echo`] },
  { name: 'rust', label: 'Rust axum', command: [`${CACHE}rust-echo`] },
  {
    name: 'python',
    label: 'Python hypercorn',
    command: [`${CACHE}python/bin/python`, fileURLToPath(new URL('python/server.py', import.meta.url))]
  }
]

/** Whether there is what the command of a reference runs. */
export function isInstalled ({ command: [program] }) {
  try {
    accessSync(program, constants.X_OK)
    return true
  } catch {
    return false
  }
}
