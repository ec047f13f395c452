import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'

const children = new Set()

process.once('exit', () => { for (const child of children) child.kill('SIGKILL') })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]))
}

/** A process that does not outlive this one. */
export function keep (child) {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** The next message of a process. Throws where it ends instead. */
export async function receive (child, name) {
  const ended = new AbortController()
  const onExit = (code, signal) => ended.abort(new Error(`${name} ended with ${signal ?? code}`))
  child.once('exit', onExit)
  try {
    if (!isRunning(child)) onExit(child.exitCode, child.signalCode)
    const [message] = await once(child, 'message', { signal: ended.signal })
    return message
  } catch (error) {
    throw ended.signal.reason ?? error
  } finally {
    child.off('exit', onExit)
  }
}

/** Ends a process, and waits until it has ended. */
export async function end (child) {
  if (!isRunning(child)) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Runs a program to its end. Gives the exit code, or the signal that ended it. */
export async function run (file, args, options) {
  const [code, signal] = await once(keep(spawn(file, args, options)), 'exit')
  return signal ?? code
}

function isRunning (child) {
  return child.exitCode === null && child.signalCode === null
}
