import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Test } from 'tap'

/** TCP proxy between clients and a server. It records how they connect, and can fail in the ways of a network. */
export interface NetworkPath {
  readonly port: number
  /** Connections that it has accepted. */
  readonly accepted: number
  /** Connections that are open now: the client has not ended its side. */
  readonly open: number
  /** The most connections that were open at one time. */
  readonly peak: number
  /** Stops to forward anything, the ends of connections included, and accepts connections that lead nowhere. */
  silence (): void
  /** Forwards new connections again. Those that were silenced stay silent. */
  restore (): void
  /** Resets all connections. */
  reset (): void
  /** Stops to listen, and resets all connections. */
  stop (): Promise<void>
  /** Listens again on the same port. */
  start (): Promise<void>
}

interface Pair {
  client: Socket
  server: Socket | undefined
  isSilent: boolean
}

/** Creates a network path to a port of this machine. */
export async function createNetworkPath (t: Test, serverPort: number | (() => number)): Promise<NetworkPath> {
  const pairs = new Set<Pair>()
  const open = new Set<Socket>()
  let [port, accepted, peak] = [0, 0, 0]
  let isSilent = false
  let listener: Server

  const path: NetworkPath = {
    get port () { return port },
    get accepted () { return accepted },
    get open () { return open.size },
    get peak () { return peak },
    silence () {
      isSilent = true
      for (const pair of pairs) {
        pair.isSilent = true
        pair.client.unpipe().resume()
        pair.server?.unpipe().resume()
      }
    },
    restore () { isSilent = false },
    reset,
    async stop () {
      listener.close()
      reset()
      await once(listener, 'close')
    },
    async start () {
      listener = createServer({ allowHalfOpen: true }, accept).listen(port, '127.0.0.1')
      await once(listener, 'listening')
      port = (listener.address() as AddressInfo).port
    }
  }
  await path.start()
  t.teardown(() => {
    listener.close()
    reset()
  })
  return path

  function accept (client: Socket): void {
    accepted++
    const pair: Pair = { client, server: undefined, isSilent }
    pairs.add(pair)
    open.add(client)
    peak = Math.max(peak, open.size)
    // While the process is busy, 'close' may come after the client's next connection.
    const onEnd = (): void => { open.delete(client) }
    client.on('error', onEnd).on('end', onEnd).on('close', () => {
      onEnd()
      pairs.delete(pair)
      if (!pair.isSilent) pair.server?.destroy()
    })
    if (isSilent) {
      client.resume()
      return
    }
    const to = typeof serverPort === 'number' ? serverPort : serverPort()
    const server = pair.server = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true })
    server.on('error', () => client.resetAndDestroy()).on('close', () => { if (!pair.isSilent) client.destroy() })
    client.pipe(server)
    server.pipe(client)
  }

  function reset (): void {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server?.destroy()
    }
  }
}
