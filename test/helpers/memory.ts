import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Bytes of the process's buffers, once those of nobody are gone. */
export async function heldBuffers (): Promise<number> {
  for (let turn = 0; turn < 5; turn++) {
    gc()
    await sleep(20)
  }
  return process.memoryUsage().arrayBuffers
}
