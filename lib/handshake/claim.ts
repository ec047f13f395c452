import { FST_WS_ALREADY_REGISTERED } from '../errors.ts'

const claimed = new WeakSet<object>()

/**
 * Claims a server for the plugin or the gateway, because two of them would answer the same handshakes. Returns a
 * function that releases it.
 *
 * @throws FST_WS_ALREADY_REGISTERED
 */
export function claimServer (server: object): () => void {
  if (claimed.has(server)) throw new FST_WS_ALREADY_REGISTERED()
  claimed.add(server)
  let isHeld = true
  return () => {
    // Another call may have claimed it since the first call of this function.
    if (isHeld) claimed.delete(server)
    isHeld = false
  }
}
