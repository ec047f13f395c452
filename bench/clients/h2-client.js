/** The load generator's client for HTTP/2. */
import { Client, FramingSocket } from './client.js'
import {
  FLAG, FrameReader, HEADER_SIZE, PREFACE, SETTING, TYPE,
  beginsWithStatus200, decodeSettings, encodeFields, encodeFrame, encodeHeader, encodeSettings, encodeWindowUpdate
} from './h2-frames.js'
import { PONG_FRAME } from './websocket-frames.js'

// Chromium's receive windows. Between two peers that use Node's http2 so much data in flight can deadlock; this client
// cannot, because it always reads.
const WINDOW = 6 * 1024 * 1024
const CONNECTION_WINDOW = 15 * 1024 * 1024

// Bytes that a socket sends before the next socket's turn.
const QUANTUM = 64 * 1024

// RFC 9113: initial windows of a connection and its streams, and SETTINGS_MAX_FRAME_SIZE.
const INITIAL_WINDOW = 65_535
const MAX_FRAME_SIZE = 16_384

/** Opens one connection, and on it a stream for each socket, with Extended CONNECT (RFC 8441). */
export class H2Client extends Client {
  /** Send window of the connection. */
  window = INITIAL_WINDOW
  connection
  /** Sockets that have data to send and a send window, in the order of their turns. */
  #sendQueue = new Set()
  /** Sockets and requests by the numbers of their streams. */
  #streams = new Map()
  /** Receive window of each stream. */
  #streamWindow
  #initialWindow = INITIAL_WINDOW
  /** Bytes received since the last WINDOW_UPDATE of the connection. */
  #consumed = 0
  #ready
  #markReady

  /** @param options `window`: receive window of each stream, in bytes; that of Chromium by default */
  constructor (port, isSecure, { window = WINDOW } = {}) {
    super(port, isSecure)
    this.#streamWindow = window
    const reader = new FrameReader(
      (stream, chunk, offset, end) => this.#streams.get(stream).reader.read(chunk, offset, end),
      (frame) => this.#handleFrame(frame)
    )
    this.#ready = new Promise((resolve) => { this.#markReady = resolve })
    this.connection = this.connect('h2', (chunk) => reader.read(chunk), () => this.flush())
    this.connection.write(Buffer.concat([
      PREFACE,
      encodeSettings([[SETTING.enablePush, 0], [SETTING.initialWindowSize, window]]),
      encodeWindowUpdate(0, CONNECTION_WINDOW - INITIAL_WINDOW)
    ]))
  }

  async open (path, bytes = 0) {
    // RFC 8441 section 3: a client must not send :protocol before the server enables it with a setting.
    await this.#ready
    const fields = { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' }
    const stream = this.#sendHeaders(path, fields, FLAG.endHeaders)
    return new Promise((resolve) => {
      this.#streams.set(stream, new H2Socket(this, stream, {
        sendWindow: this.#initialWindow, receiveWindow: this.#streamWindow
      }, bytes, resolve))
    })
  }

  /** Sends a GET request. Resolves when the response is complete. */
  get (path) {
    const stream = this.#sendHeaders(path, { ':method': 'GET' }, FLAG.endHeaders | FLAG.endStream)
    return new Promise((resolve) => { this.#streams.set(stream, new H2Request(resolve)) })
  }

  /** Opens a stream. Returns its number. */
  #sendHeaders (path, fields, flags) {
    const stream = 2 * this.#streams.size + 1
    const block = encodeFields({
      ':scheme': this.isSecure ? 'https' : 'http', ':authority': this.authority, ':path': path, ...fields
    })
    this.connection.write(encodeFrame(TYPE.headers, flags, stream, block))
    return stream
  }

  /** Adds a socket to the send queue. */
  enqueue (socket) {
    this.#sendQueue.add(socket)
    this.flush()
  }

  /** Sends from all sockets in turns, because they share the window of the connection. */
  flush () {
    for (const socket of this.#sendQueue) {
      if (this.window <= 0 || this.connection.writableNeedDrain) return
      this.#sendQueue.delete(socket)
      if (!socket.canSend) continue
      socket.sendUpTo(Math.min(this.window, QUANTUM))
      if (socket.canSend) this.#sendQueue.add(socket)
    }
  }

  #handleFrame ({ type, flags, stream, length, payload }) {
    const target = this.#streams.get(stream)
    switch (type) {
      case TYPE.data:
        target.updateWindow(length)
        this.#updateWindow(length)
        return flags & FLAG.endStream ? target.end() : undefined
      case TYPE.headers:
        if (!beginsWithStatus200(payload) || flags & FLAG.endStream) throw new Error('the server rejected the request')
        return target.onopen(target)
      case TYPE.settings:
        if (flags & FLAG.ack) return
        // The acknowledgement has to precede frames that depend on the new settings.
        this.connection.write(encodeFrame(TYPE.settings, FLAG.ack, 0))
        for (const [id, value] of decodeSettings(payload)) this.#applySetting(id, value)
        return
      case TYPE.ping:
        if (flags & FLAG.ack) return
        return this.connection.write(encodeFrame(TYPE.ping, FLAG.ack, 0, payload))
      case TYPE.windowUpdate:
        (target ?? this).window += payload.readUInt32BE(0)
        return (target ?? this).flush()
      case TYPE.reset:
        throw new Error(`the server reset the stream with code ${payload.readUInt32BE(0)}`)
      case TYPE.goAway:
        throw new Error(`the server closes the connection with code ${payload.readUInt32BE(4)}`)
    }
  }

  #applySetting (id, value) {
    if (id === SETTING.enableConnectProtocol && value === 1) this.#markReady()
    if (id !== SETTING.initialWindowSize) return
    for (const socket of this.#streams.values()) socket.window += value - this.#initialWindow
    this.#initialWindow = value
    for (const socket of this.#streams.values()) socket.flush()
  }

  /** Counts received bytes, and sends a WINDOW_UPDATE for the connection when half of its window is used. */
  #updateWindow (bytes) {
    this.#consumed += bytes
    if (this.#consumed < CONNECTION_WINDOW / 2) return
    this.connection.write(encodeWindowUpdate(0, this.#consumed))
    this.#consumed = 0
  }
}

/** A GET request. Its response is small enough for the initial window. */
class H2Request {
  reader = { read () {} }
  end

  constructor (onend) {
    this.end = onend
  }

  onopen () {}

  updateWindow () {}

  flush () {}
}

class H2Socket extends FramingSocket {
  /** Send window of the stream. */
  window
  onopen
  #receiveWindow
  #isStopped = false
  #client
  #stream
  /** Bytes received since the last WINDOW_UPDATE of the stream. */
  #consumed = 0
  /** The message as DATA frames. */
  #frames
  /** Bytes of the current message that have been sent. */
  #offset = 0

  constructor (client, stream, { sendWindow, receiveWindow }, bytes, onopen) {
    super(bytes)
    this.#client = client
    this.#stream = stream
    this.window = sendWindow
    this.#receiveWindow = receiveWindow
    this.onopen = onopen
    const count = Math.ceil(this.message.length / MAX_FRAME_SIZE)
    this.#frames = Buffer.concat(Array.from({ length: count }, (_, index) => (
      this.#encodeData(this.message.subarray(index * MAX_FRAME_SIZE, (index + 1) * MAX_FRAME_SIZE))
    )))
  }

  get canSend () {
    return this.pending > 0 && this.window > 0
  }

  flush () {
    if (this.canSend) this.#client.enqueue(this)
  }

  sendUpTo (bytes) {
    this.#write(this.#offset, Math.min(this.message.length, this.#offset + Math.min(bytes, this.window)))
  }

  /** Does not wait for a window: sockets that only receive have all of it, and others answer by their messages. */
  pong () {
    this.#client.connection.write(this.#encodeData(PONG_FRAME))
    this.window -= PONG_FRAME.length
    this.#client.window -= PONG_FRAME.length
  }

  end () {
    throw new Error('the server ended the stream')
  }

  /** Leaves the stream without further WINDOW_UPDATEs, so that the server can fill its window once. */
  stopReading () {
    this.#isStopped = true
  }

  /** Counts received bytes, and sends a WINDOW_UPDATE for the stream when half of its window is used. */
  updateWindow (bytes) {
    this.#consumed += bytes
    if (this.#isStopped || this.#consumed < this.#receiveWindow / 2) return
    this.#client.connection.write(encodeWindowUpdate(this.#stream, this.#consumed))
    this.#consumed = 0
  }

  /** Sends as many prepared frames as fit up to `limit`, or else a frame with a part of one. */
  #write (begin, limit) {
    const whole = limit === this.message.length ? limit : limit - limit % MAX_FRAME_SIZE
    if (begin % MAX_FRAME_SIZE === 0 && whole > begin) {
      this.#client.connection.write(this.#frames.subarray(offsetInFrames(begin), offsetInFrames(whole)))
      return this.#advance(whole)
    }
    const end = Math.min(limit, begin - begin % MAX_FRAME_SIZE + MAX_FRAME_SIZE)
    this.#client.connection.write(this.#encodeData(this.message.subarray(begin, end)))
    this.#advance(end)
  }

  #advance (end) {
    const bytes = end - this.#offset
    this.sent += bytes
    this.window -= bytes
    this.#client.window -= bytes
    this.#offset = end
    if (end < this.message.length) return
    this.#offset = 0
    this.pending--
  }

  #encodeData (payload) {
    return Buffer.concat([encodeHeader(TYPE.data, 0, this.#stream, payload.length), payload])
  }
}

/** Converts an offset in a message, where a frame begins or the message ends, to an offset in its DATA frames. */
function offsetInFrames (offset) {
  return offset + HEADER_SIZE * Math.ceil(offset / MAX_FRAME_SIZE)
}
