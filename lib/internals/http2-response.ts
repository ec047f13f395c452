import { Http2ServerResponse } from 'node:http2'
import type { Http2Server, ServerHttp2Stream } from 'node:http2'

type Listener = (...parameters: unknown[]) => void

/** Traces of an Http2ServerResponse at its stream: the key of its reference, and its listeners. */
interface Traces {
  key: symbol
  listeners: ReadonlyArray<readonly [event: string, listener: Listener]>
}

/**
 * Detaches the response that Node has made of an upgrade's stream, so that it can be freed while the stream is open. It
 * does nothing if others may use the response: another listener for 'connect', or a class of the user.
 *
 * Node's compatibility layer makes it together with the request, and no option prevents that. The upgrade is answered
 * by the documented `stream.respond()`, but the response and its listeners would take 1 KB as long as the socket is
 * open. Node detaches it in the same way when the stream closes.
 */
export function detachResponse (server: Http2Server, stream: ServerHttp2Stream, response: object): void {
  if (traces === undefined || server.listenerCount('connect') > 1) return
  if (Object.getPrototypeOf(response) !== Http2ServerResponse.prototype) return

  const { key, listeners } = traces
  for (const [event, listener] of listeners) stream.off(event, listener)
  Reflect.set(stream, key, undefined)
}

/** Returns undefined if Node adds listeners that differ for each stream, as before Node 24. */
function findTraces (): Traces | undefined {
  const [first, second] = [recordTraces(), recordTraces()]
  const isShared = first?.listeners.every(([, listener], index) => listener === second?.listeners[index]?.[1])
  return isShared === true ? first : undefined
}

/** Records what the constructor of a response does with its stream. */
function recordTraces (): Traces | undefined {
  const listeners: Array<[event: string, listener: Listener]> = []
  const stream = { on: (event: string, listener: Listener) => { listeners.push([event, listener]) } }
  try {
    const response = new Http2ServerResponse(stream as unknown as ServerHttp2Stream)
    const key = Object.getOwnPropertySymbols(stream).find((symbol) => Reflect.get(stream, symbol) === response)
    return key && { key, listeners }
  } catch {
    return undefined
  }
}

const traces = findTraces()
