import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Collects garbage, also that which finalizers leave. */
export async function collectGarbage (): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    gc()
    await sleep(20)
  }
}

/** Collects garbage, and returns the bytes of all buffers of the process that are still referenced. */
export async function referencedBytes (): Promise<number> {
  await collectGarbage()
  return process.memoryUsage().arrayBuffers
}
