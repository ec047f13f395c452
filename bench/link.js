/**
 * A simulated link, one object for each direction. It has a clock of its own: it starts no timers, and each method gets
 * the time in ms, so that its rate is exact although timers are not.
 *
 * All connections share the rate. Bytes first wait in the queue of the link, of one bandwidth-delay product as is usual
 * for a router, then leave at the rate, and arrive after half of the round-trip time. Where a router would drop packets,
 * because its queue is full, connections wait here in turns. A connection keeps at most its window in flight, as TCP
 * does. With a rate, the window starts and grows as in TCP's slow start, until the queue is half full. Nothing is lost,
 * so no window shrinks, and connections share the rate by the size of their windows. Without a rate, a window has its
 * full size from the beginning.
 */

const KiB = 1024

// RFC 6928: ten segments of an Ethernet.
const SEGMENT = 1460
const INITIAL_WINDOW = 10 * SEGMENT

/** Bytes that a connection has in flight by default: net.ipv4.tcp_wmem of Linux. */
const MAX_WINDOW = 4096 * KiB

// A router has some queue on the shortest path too.
const MIN_QUEUE_MS = 5

// Bytes that a connection may hold before they enter the queue. Its sender's kernel keeps all others.
const MAX_UNSENT = 128 * KiB
const MAX_SLICE = 64 * KiB

// Timers have a resolution of 1 ms.
const TOLERANCE_MS = 0.5

export class Link {
  /** Round-trip time in ms. It may change at any time, and bytes keep their order. */
  rtt
  maxWindow
  initialWindow
  /** Bytes that enter the queue at once: those of 1 ms, so that connections alternate as packets do. */
  slice
  #bytesPerMs
  #freeAt = 0
  #flows = new Set()
  /** Flows that may have bytes to send and a window, in the order of their turns. */
  #ready = new Set()

  /** @param options `rtt` in ms; `rate` in Mbit/s, unlimited by default; `maxWindow` of each connection in bytes */
  constructor ({ rtt, rate = Infinity, maxWindow = MAX_WINDOW }) {
    this.rtt = rtt
    this.maxWindow = maxWindow
    this.initialWindow = rate === Infinity ? maxWindow : Math.min(INITIAL_WINDOW, maxWindow)
    this.#bytesPerMs = rate * 1e6 / 8 / 1000
    this.slice = Math.floor(Math.max(SEGMENT, Math.min(MAX_SLICE, this.#bytesPerMs)))
  }

  /** Returns how full the queue is, from 0 to 1. */
  congestion (now) {
    return Math.max(0, this.#freeAt - now) / Math.max(this.rtt, MIN_QUEUE_MS)
  }

  /** Sends bytes. Returns the time at which the last of them arrives. */
  transmit (bytes, now) {
    this.#freeAt = Math.max(this.#freeAt, now) + bytes / this.#bytesPerMs
    return this.#freeAt + this.rtt / 2
  }

  /** Lets a flow send when it is its turn. */
  enqueue (flow) {
    this.#flows.add(flow)
    this.#ready.add(flow)
  }

  /** Does what is due. Returns the time at which something will be due again, or Infinity. */
  advance (now) {
    let next
    do next = this.#step(now); while (next <= now + TOLERANCE_MS)
    return next
  }

  #step (now) {
    for (const flow of this.#flows) flow.acknowledge(now + TOLERANCE_MS)
    const isFull = this.#transmitInTurns(now)
    let next = isFull ? now + 1 : Infinity
    for (const flow of this.#flows) {
      flow.deliver(now + TOLERANCE_MS)
      next = Math.min(next, flow.nextEvent)
      if (flow.isIdle) this.#flows.delete(flow)
    }
    return next
  }

  /** Returns whether flows wait for room in the queue. */
  #transmitInTurns (now) {
    for (const flow of this.#ready) {
      if (this.congestion(now) >= 1) return true
      this.#ready.delete(flow)
      if (flow.transmit(now)) this.#ready.add(flow)
    }
    return false
  }
}

/** One direction of a connection. Reads from one socket, and writes to another what has passed the link. */
export class Flow {
  unsentBytes = 0
  bytesInFlight = 0
  window
  #link
  #from
  #to
  #ondelivered
  #openAt
  #isOpen = false
  #isPaused = false
  #unsent = []
  #inFlight = []
  #acknowledgements = []
  #lastArrival = 0
  #unblockedAt = 0

  /** @param openAt the time before which nothing is sent */
  constructor (link, from, to, openAt, ondelivered = () => {}) {
    this.#link = link
    this.#from = from
    this.#to = to
    this.#openAt = openAt
    this.#ondelivered = ondelivered
    this.window = link.initialWindow
  }

  /** Accepts a chunk of the sender. `null` is its end. */
  push (chunk) {
    this.#unsent.push(chunk)
    this.unsentBytes += chunk?.length ?? 0
    this.#pauseOrResume()
    this.#link.enqueue(this)
  }

  /** Sends a slice. Returns whether the flow could send more. */
  transmit (now) {
    if (!this.#isOpen || this.#unsent.length === 0) return false
    const [chunk] = this.#unsent
    const length = chunk?.length ?? 0
    const room = this.window - this.bytesInFlight
    if (room < Math.min(length, SEGMENT)) return false

    const bytes = Math.min(length, room, this.#link.slice)
    if (bytes < length) this.#unsent[0] = chunk.subarray(bytes)
    else this.#unsent.shift()
    const arrival = this.#link.transmit(bytes, now)
    // A shorter round-trip time must not let a chunk overtake the one before it.
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
    this.#inFlight.push({ chunk: chunk?.subarray(0, bytes) ?? null, at: this.#lastArrival })
    this.unsentBytes -= bytes
    this.bytesInFlight += bytes
    this.#pauseOrResume()
    return true
  }

  /** Writes what has arrived, unless the receiver does not read. */
  deliver (now) {
    while (this.#inFlight.length > 0 && this.#inFlight[0].at <= now && !this.#to.writableNeedDrain) {
      const { chunk, at } = this.#inFlight.shift()
      if (chunk === null) {
        this.#to.end()
        continue
      }
      this.#acknowledgements.push({ bytes: chunk.length, at: Math.max(at, this.#unblockedAt) + this.#link.rtt / 2 })
      this.#ondelivered(chunk.length)
      this.#to.write(chunk)
    }
  }

  /** Continues when the receiver reads again. */
  unblock (now) {
    this.#unblockedAt = now
  }

  /** Receives the acknowledgements that are due, which make room for more. */
  acknowledge (now) {
    if (!this.#isOpen && this.#openAt <= now) {
      this.#isOpen = true
      this.#link.enqueue(this)
    }
    while (this.#acknowledgements.length > 0 && this.#acknowledgements[0].at <= now) {
      const { bytes } = this.#acknowledgements.shift()
      // A sender that does not use its window does not get a larger one.
      const isUsed = this.bytesInFlight + this.unsentBytes > this.window / 2
      if (isUsed && this.#link.congestion(now) < 0.5) this.window = Math.min(this.window + bytes, this.#link.maxWindow)
      this.bytesInFlight -= bytes
      this.#link.enqueue(this)
    }
  }

  /** The time at which the next chunk arrives, or the next acknowledgement. */
  get nextEvent () {
    const arrival = this.#to.writableNeedDrain ? Infinity : this.#inFlight[0]?.at ?? Infinity
    return Math.min(arrival, this.#acknowledgements[0]?.at ?? Infinity, this.#isOpen ? Infinity : this.#openAt)
  }

  get isIdle () {
    return this.#unsent.length + this.#inFlight.length + this.#acknowledgements.length === 0
  }

  /** Drops everything, because one of the ends has reset the connection. */
  abort () {
    for (const queue of [this.#unsent, this.#inFlight, this.#acknowledgements]) queue.length = 0
  }

  #pauseOrResume () {
    const isPaused = this.unsentBytes > MAX_UNSENT
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#from.pause()
    else this.#from.resume()
  }
}
