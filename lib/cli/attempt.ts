import type { IncomingMessage } from 'node:http'
import type { WebSocket } from '../client/index.ts'
import { describeError } from './errors.ts'
import type { AnswerFacts, Attempt, HttpVersion, PingFacts, ProbeRequest } from './result.ts'
import { toMs, withinLimit } from './time-limit.ts'

/** Bytes of the body of a refusal, and characters of an answer, that are kept. */
const SHOWN = 1024
const PINGS = 10
const NORMAL_CLOSURE = 1000

/** Function that starts a handshake, with `connect()` of the client. */
export type StartHandshake = () => WebSocket

/** An attempt before its outcome is known. */
export function emptyAttempt (httpVersion: HttpVersion, properties: Partial<Attempt> = {}): Attempt {
  return {
    httpVersion,
    outcome: 'failed',
    openMs: null,
    status: null,
    headers: null,
    body: null,
    bodyIsComplete: null,
    subprotocol: null,
    extensions: null,
    pings: null,
    answer: null,
    closeCode: null,
    closeReason: null,
    endedEarly: false,
    error: null,
    ...properties
  }
}

/**
 * Opens a socket, measures pings, sends the text of the request, and closes the socket.
 *
 * @param isBrief whether to close the socket as soon as it is open
 */
export async function attempt (
  { send, timeout }: ProbeRequest, httpVersion: HttpVersion, start: StartHandshake, isBrief = false
): Promise<Attempt> {
  const result = emptyAttempt(httpVersion)
  const started = performance.now()
  const socket = start()
  // Nobody else listens, and the server of a socket without a listener has to wait.
  socket.on('message', () => {})
  socket.on('error', (error) => { result.error ??= describeError(error) })
  const closed = whenClosed(socket, result)

  const refusal = await handshake(socket, result, timeout)
  if (refusal !== undefined) Object.assign(result, await readBody(refusal, timeout))
  if (result.outcome !== 'opened') {
    socket.terminate()
    await closed
    return result
  }

  result.openMs = toMs(performance.now() - started)
  result.httpVersion = socket.httpVersion ?? httpVersion
  result.subprotocol = socket.protocol
  result.extensions = socket.extensions
  if (!isBrief) {
    result.pings = await measurePings(socket, timeout, closed)
    if (send !== undefined) result.answer = await measureAnswer(socket, send, timeout, closed)
  }
  result.endedEarly = socket.readyState !== socket.OPEN
  socket.close(NORMAL_CLOSURE)
  await closed
  return result
}

function whenClosed (socket: WebSocket, result: Attempt): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', (code, reason) => {
      if (result.outcome === 'opened') Object.assign(result, { closeCode: code, closeReason: reason.toString() })
      resolve()
    })
  })
}

/** Waits until the socket is open, refused, or has failed. Returns the response of a refusal. */
async function handshake (socket: WebSocket, result: Attempt, timeout: number): Promise<IncomingMessage | undefined> {
  const answered = new Promise<IncomingMessage | undefined>((resolve) => {
    socket.once('upgrade', (response) => Object.assign(result, headOf(response)))
    socket.once('open', () => {
      result.outcome = 'opened'
      resolve(undefined)
    })
    socket.once('unexpected-response', (_request, response) => {
      Object.assign(result, headOf(response), { outcome: 'refused' })
      resolve(response)
    })
    socket.once('error', () => resolve(undefined))
  })
  try {
    return await withinLimit('the answer to the handshake', timeout, answered)
  } catch (error) {
    result.error = describeError(error as Error)
    return undefined
  }
}

function headOf ({ statusCode, headers }: IncomingMessage): Pick<Attempt, 'status' | 'headers'> {
  return { status: statusCode ?? null, headers: headers as Attempt['headers'] }
}

/** Reads the beginning of a body, for as long as the time limit allows. */
async function readBody (response: IncomingMessage, timeout: number): Promise<Pick<Attempt, 'body' | 'bodyIsComplete'>> {
  const chunks: Buffer[] = []
  let size = 0
  const timer = setTimeout(() => response.destroy(), timeout)
  try {
    for await (const chunk of response) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size > SHOWN) break
    }
  } catch {
    // The body is incomplete.
  }
  clearTimeout(timer)
  const body = Buffer.concat(chunks).subarray(0, SHOWN).toString()
  return { body, bodyIsComplete: response.complete && size <= SHOWN }
}

/** Measures pings one after another, all within the time limit. Returns null if the first is not answered. */
async function measurePings (socket: WebSocket, timeout: number, closed: Promise<void>): Promise<PingFacts | null> {
  const end = performance.now() + timeout
  const times: number[] = []
  for (let count = 1; count <= PINGS; count++) {
    const time = await measure(socket, end - performance.now(), closed, (done) => {
      // The client may send pings of its own.
      socket.on('pong', (data) => { if (String(data) === `probe ${count}`) done() })
      socket.ping(`probe ${count}`)
    })
    if (time === undefined) break
    times.push(time)
  }
  return times.length === 0 ? null : summarize(times)
}

/** Returns the smallest, the median and the largest of some times. */
export function summarize (times: number[]): PingFacts {
  const sorted = [...times].sort((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  const p50Ms = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
  return { count: sorted.length, minMs: toMs(sorted[0]!), p50Ms: toMs(p50Ms), maxMs: toMs(sorted.at(-1)!) }
}

/** Sends a text and waits for the next message. */
async function measureAnswer (
  socket: WebSocket, text: string, timeout: number, closed: Promise<void>
): Promise<AnswerFacts | null> {
  let answer: Omit<AnswerFacts, 'roundTripMs'>
  const roundTripMs = await measure(socket, timeout, closed, (done) => {
    socket.once('message', (data: Buffer, isBinary) => {
      answer = { isBinary, bytes: data.length, text: isBinary ? null : data.toString().slice(0, SHOWN) }
      done()
    })
    socket.send(text)
  })
  return roundTripMs === undefined ? null : { roundTripMs: toMs(roundTripMs), ...answer! }
}

/** Measures the time until `done` is called, in ms. Returns undefined after the time limit, or if the socket closes. */
async function measure (
  socket: WebSocket, timeout: number, closed: Promise<void>, start: (done: () => void) => void
): Promise<number | undefined> {
  if (socket.readyState !== socket.OPEN) return undefined
  const started = performance.now()
  const answered = new Promise<number>((resolve) => start(() => resolve(performance.now() - started)))
  try {
    return await withinLimit('the answer', timeout, Promise.race([answered, closed.then(() => undefined)]))
  } catch {
    return undefined
  }
}
