/* global crypto, fetch, location */
/** The server's own figures, and its agreement to be measured. */
import { openSocket } from './open-socket.js'

const BUSY = 4409
const LOST = 1006
const NO_ANSWER = 'The server does not answer. Is it still running?'

/** The error if another page is being measured. */
export class BusyError extends Error {
  constructor () {
    super('Another tab is measuring. Wait until it is done, or let its reader read.')
  }
}

/** Distinguishes the sockets of this page from those of other tabs. */
export const PAGE_ID = crypto.randomUUID()

/** Resolves to the server's figures of both transports, for the sockets of this page. */
export async function readFigures () {
  const response = await request(`/figures?page=${PAGE_ID}`)
  return response.json()
}

/** Lets the server measure the memory of a socket, once. The result is in the figures. */
export function measureMemory (signal) {
  return request('/memory', { method: 'POST', signal })
}

export function resumeStalled () {
  return request('/stalled/resume', { method: 'POST' })
}

/**
 * Calls a function while the server refuses to be measured by other pages, and at a distance, which is a round-trip
 * time in ms. Resolves to its result.
 */
export async function whileMeasuring (rtt, measure) {
  const socket = await openSocket(`${location.origin}/measurement?page=${PAGE_ID}&rtt=${rtt}`).catch((error) => {
    if (error.code === BUSY) throw new BusyError()
    throw error.code === LOST ? new Error(NO_ANSWER) : error
  })
  try {
    return await measure()
  } finally {
    socket.close(1000)
  }
}

/**
 * Calls a function, and resolves to its result with the difference that it made to the server's figures of a transport.
 * A request for the figures is itself counted if it uses the same connection, so its bytes are measured first.
 */
export async function difference (transport, measure) {
  const first = (await readFigures())[transport]
  const second = (await readFigures())[transport]
  const result = await measure()
  const last = (await readFigures())[transport]
  const grown = (name) => last[name] - second[name]
  const bytesOf = (name) => Math.max(0, grown(name) - (second[name] - first[name]))
  return {
    result,
    before: second,
    after: last,
    grown,
    sent: bytesOf('sent'),
    bytes: bytesOf('sent') + bytesOf('received')
  }
}

async function request (path, options) {
  let response
  try {
    response = await fetch(path, options)
  } catch (error) {
    if (options?.signal?.aborted) throw error
    throw new Error(NO_ANSWER)
  }
  if (!response.ok) throw new Error(`The server answered ${path} with ${response.status}.`)
  return response
}
