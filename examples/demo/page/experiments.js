/* global WebSocket */
/** Measurements with one socket that is unlike its siblings. */
import { closeSocket } from './open-socket.js'
import { difference, readFigures, resumeStalled } from './server.js'
import { percentile } from './statistics.js'

const DURATION = 2000
const STALL_BYTES = 4 * 1024 * 1024
const CHUNK = new ArrayBuffer(16 * 1024)
const INTERVAL = 200

/**
 * Sends 4 MiB to a handler that does not read, and then measures the other sockets. Resolves to the figures and the
 * socket.
 */
export async function stall (transport, sockets, signal) {
  let socket
  const { before, sent } = await difference(transport, async () => {
    socket = await sockets.openOne('/stalled', signal)
    for (let bytes = 0; bytes < STALL_BYTES; bytes += CHUNK.byteLength) socket.send(CHUNK)
    await untilStill(() => socket.bufferedAmount)
  })
  const { samples } = await sockets.echo(DURATION, undefined, signal)
  const readBefore = before.stalledBytes
  return {
    socket,
    readBefore,
    figures: {
      stalledWaiting: socket.bufferedAmount,
      stalledSent: sent,
      stalledRead: (await readFigures())[transport].stalledBytes - readBefore,
      stalledP50: percentile(samples, 0.5),
      stalledMessages: samples.length
    }
  }
}

/** Lets the handlers read. `onProgress` receives the figures of a transport until all bytes have arrived. */
export async function resume (stalled, onProgress, signal) {
  await resumeStalled()
  const remaining = new Map(Object.entries(stalled))
  while (remaining.size > 0) {
    signal.throwIfAborted()
    const figures = await readFigures()
    for (const [transport, { socket, readBefore }] of remaining) {
      const stalledRead = figures[transport].stalledBytes - readBefore
      onProgress(transport, { stalledWaiting: socket.bufferedAmount, stalledRead })
      if (stalledRead >= STALL_BYTES) remaining.delete(transport)
      else if (socket.readyState !== WebSocket.OPEN) throw new Error('The server closed the socket that was stalled.')
    }
    await wait(INTERVAL)
  }
  await Promise.all(Object.values(stalled).map(({ socket }) => closeSocket(socket)))
}

/**
 * Receives from one more socket as fast as the browser can, and measures the others meanwhile. Resolves to the figures,
 * and `onProgress` receives those that are known before.
 */
export async function flood (sockets, onProgress, signal) {
  const socket = await sockets.openOne('/flood', signal)
  const start = performance.now()
  let floodBytes = 0
  socket.onmessage = ({ data }) => { floodBytes += data.byteLength }
  const rate = () => floodBytes / (performance.now() - start) * 1000
  const timer = setInterval(() => onProgress({ floodBytes, floodRate: rate() }), INTERVAL)
  try {
    const { samples } = await sockets.echo(DURATION, undefined, signal)
    return {
      floodBytes,
      floodRate: rate(),
      floodP50: percentile(samples, 0.5),
      floodP99: percentile(samples, 0.99)
    }
  } finally {
    clearInterval(timer)
    socket.onmessage = null
    await closeSocket(socket)
  }
}

/** Resolves when a value has stayed the same for a while. */
async function untilStill (read) {
  for (let last, same = 0; same < 3; same = read() === last ? same + 1 : 0) {
    last = read()
    await wait(INTERVAL)
  }
}

function wait (ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms) })
}
