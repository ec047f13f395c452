import { Client, FramingSocket } from './client.js'
import {
  FLAG, FrameReader, HEADER, PREFACE, SETTING, TYPE,
  decodeSettings, encodeFields, encodeFrame, encodeHeader, encodeSettings, encodeWindowUpdate
} from './h2-frames.js'

// As Chromium has them. Two ends of Node's http2 could deadlock with so much on its way; this one always reads.
const WINDOW = 6 * 1024 * 1024
const CONNECTION_WINDOW = 15 * 1024 * 1024

// What one socket sends before it is the next one's turn.
const TURN = 64 * 1024

// RFC 9113: the windows of a connection and its streams, and the size of a frame, until an end says otherwise.
const INITIAL_WINDOW = 65_535
const MAX_FRAME = 16_384

// RFC 7541 appendix A: what a header block begins with whose first field is ":status: 200".
const STATUS_200 = 0x88

/** Opens one connection, and on it a stream for each socket, with Extended CONNECT (RFC 8441). */
export class H2Client extends Client {
  /** Bytes that the server lets the connection send. */
  window = INITIAL_WINDOW
  connection
  /** Sockets that have something to send, and a window for it. */
  #waiting = new Set()
  #sockets = new Map()
  #initialWindow = INITIAL_WINDOW
  #unreturned = 0
  #ready
  #beReady

  constructor (port, isSecure) {
    super(port, isSecure)
    const reader = new FrameReader(
      (stream, chunk, at, end) => this.#sockets.get(stream).reader.read(chunk, at, end),
      (frame) => this.#take(frame)
    )
    this.#ready = new Promise((resolve) => { this.#beReady = resolve })
    this.connection = this.connect('h2', (chunk) => reader.read(chunk), () => this.pump())
    this.connection.write(Buffer.concat([
      PREFACE,
      encodeSettings([[SETTING.enablePush, 0], [SETTING.initialWindowSize, WINDOW]]),
      encodeWindowUpdate(0, CONNECTION_WINDOW - INITIAL_WINDOW)
    ]))
  }

  async open (path, bytes = 0) {
    // RFC 8441 section 3: no client may ask for a socket before the server has said that it serves them.
    await this.#ready
    const stream = 2 * this.#sockets.size + 1
    const fields = encodeFields({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': this.isSecure ? 'https' : 'http',
      ':authority': this.authority,
      ':path': path,
      'sec-websocket-version': '13'
    })
    this.connection.write(encodeFrame(TYPE.headers, FLAG.endHeaders, stream, fields))
    return new Promise((resolve) => {
      this.#sockets.set(stream, new H2Socket(this, stream, this.#initialWindow, bytes, resolve))
    })
  }

  /** Has a socket send when there is room: its turn may come at once. */
  enqueue (socket) {
    this.#waiting.add(socket)
    this.pump()
  }

  /** One after the other sends a little: the window of the connection is for all. */
  pump () {
    for (const socket of this.#waiting) {
      if (this.window <= 0 || this.connection.writableNeedDrain) return
      this.#waiting.delete(socket)
      if (!socket.isReady) continue
      socket.sendSome(Math.min(this.window, TURN))
      if (socket.isReady) this.#waiting.add(socket)
    }
  }

  #take ({ type, flags, stream, length, payload }) {
    const socket = this.#sockets.get(stream)
    switch (type) {
      case TYPE.data:
        if (flags & FLAG.endStream) throw new Error('the server ended the socket')
        socket.returnWindow(length)
        return this.#returnWindow(length)
      case TYPE.headers:
        if (payload[0] !== STATUS_200 || flags & FLAG.endStream) throw new Error('the server refused the socket')
        return socket.opened(socket)
      case TYPE.settings:
        if (flags & FLAG.ack) return
        // Ahead of what the settings let through.
        this.connection.write(encodeFrame(TYPE.settings, FLAG.ack, 0))
        for (const [id, value] of decodeSettings(payload)) this.#set(id, value)
        return
      case TYPE.ping:
        if (flags & FLAG.ack) return
        return this.connection.write(encodeFrame(TYPE.ping, FLAG.ack, 0, payload))
      case TYPE.windowUpdate:
        (socket ?? this).window += payload.readUInt32BE(0)
        return (socket ?? this).pump()
      case TYPE.reset:
        throw new Error(`the server reset the socket with ${payload.readUInt32BE(0)}`)
      case TYPE.goAway:
        throw new Error(`the server closes the connection with ${payload.readUInt32BE(4)}`)
    }
  }

  #set (id, value) {
    if (id === SETTING.enableConnectProtocol && value === 1) this.#beReady()
    if (id !== SETTING.initialWindowSize) return
    for (const socket of this.#sockets.values()) socket.window += value - this.#initialWindow
    this.#initialWindow = value
    for (const socket of this.#sockets.values()) socket.pump()
  }

  #returnWindow (bytes) {
    this.#unreturned += bytes
    if (this.#unreturned < CONNECTION_WINDOW / 2) return
    this.connection.write(encodeWindowUpdate(0, this.#unreturned))
    this.#unreturned = 0
  }
}

class H2Socket extends FramingSocket {
  /** Bytes that the server lets the stream send. */
  window
  opened
  #client
  #stream
  #unreturned = 0
  #frames
  #at = 0

  constructor (client, stream, window, bytes, opened) {
    super(bytes)
    this.#client = client
    this.#stream = stream
    this.window = window
    this.opened = opened
    this.#frames = Buffer.concat(Array.from({ length: Math.ceil(this.message.length / MAX_FRAME) }, (_, index) => (
      this.#encodeData(this.message.subarray(index * MAX_FRAME, (index + 1) * MAX_FRAME))
    )))
  }

  get isReady () {
    return this.due > 0 && this.window > 0
  }

  pump () {
    if (this.isReady) this.#client.enqueue(this)
  }

  sendSome (room) {
    this.#write(this.#at, Math.min(this.message.length, this.#at + Math.min(room, this.window)))
  }

  returnWindow (bytes) {
    this.#unreturned += bytes
    if (this.#unreturned < WINDOW / 2) return
    this.#client.connection.write(encodeWindowUpdate(this.#stream, this.#unreturned))
    this.#unreturned = 0
  }

  /** Sends frames as they were prepared, as many as fit, or else a part of one. */
  #write (begin, limit) {
    const whole = limit === this.message.length ? limit : limit - limit % MAX_FRAME
    if (begin % MAX_FRAME === 0 && whole > begin) {
      this.#client.connection.write(this.#frames.subarray(inFrames(begin), inFrames(whole)))
      return this.#advance(whole)
    }
    const end = Math.min(limit, begin - begin % MAX_FRAME + MAX_FRAME)
    this.#client.connection.write(this.#encodeData(this.message.subarray(begin, end)))
    this.#advance(end)
  }

  #advance (end) {
    const bytes = end - this.#at
    this.sent += bytes
    this.window -= bytes
    this.#client.window -= bytes
    this.#at = end
    if (end < this.message.length) return
    this.#at = 0
    this.due--
  }

  #encodeData (payload) {
    return Buffer.concat([encodeHeader(TYPE.data, 0, this.#stream, payload.length), payload])
  }
}

/** Where among prepared frames the byte of a message is that begins one, or ends the last. */
function inFrames (at) {
  return at + HEADER * Math.ceil(at / MAX_FRAME)
}
