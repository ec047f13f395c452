import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { constants } from 'node:os'

const children = new Set()

process.once('exit', () => { for (const child of children) child.kill('SIGKILL') })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]))
}

/** Kills the child process when this process exits. Returns the child. */
export function killOnExit (child) {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** Returns the next IPC message of a child process. Throws if the process exits first; `name` is for that error. */
export function waitForMessage (child, name) {
  return waitUnlessExited(child, name, async (signal) => {
    const [message] = await once(child, 'message', { signal })
    return message
  })
}

/**
 * Returns the next line that matches. `lines` is a readline interface on the output of the child process. Throws if the
 * process exits first; `name` is for that error.
 */
export function waitForLine (child, name, lines, pattern = /^/) {
  return waitUnlessExited(child, name, async (signal) => {
    for await (const [line] of on(lines, 'line', { signal })) {
      if (pattern.test(line)) return line
    }
  })
}

/** Kills a process with SIGKILL and waits until it has exited. */
export async function kill (child) {
  if (!isRunning(child)) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Runs a program until it exits. Returns its exit code, or the signal that terminated it. */
export async function run (file, args, options) {
  const [code, signal] = await once(killOnExit(spawn(file, args, options)), 'exit')
  return signal ?? code
}

async function waitUnlessExited (child, name, wait) {
  const exited = new AbortController()
  const onExit = (code, signal) => exited.abort(new Error(`${name} exited with ${signal ?? code}`))
  child.once('exit', onExit)
  try {
    if (!isRunning(child)) onExit(child.exitCode, child.signalCode)
    return await wait(exited.signal)
  } catch (error) {
    throw exited.signal.reason ?? error
  } finally {
    child.off('exit', onExit)
  }
}

function isRunning (child) {
  return child.exitCode === null && child.signalCode === null
}
