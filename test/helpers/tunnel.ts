import { createHash } from 'node:crypto'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { constants } from 'node:http2'
import { Duplex } from 'node:stream'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const NOT_FOR_STREAMS = new Set(['connection', 'host', 'sec-websocket-key', 'upgrade'])

/**
 * What the ws client takes for its TCP connection: a stream of an HTTP/2 session, opened with Extended CONNECT. So one
 * client, with all its options and events, drives every transport. Like a browser, it sends no key.
 */
export class Tunnel extends Duplex {
  readonly #session: ClientHttp2Session
  #stream: ClientHttp2Stream | undefined
  #request = ''

  constructor (session: ClientHttp2Session) {
    super()
    this.#session = session
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#stream !== undefined) {
      this.#stream.write(chunk, done)
      return
    }
    this.#request += chunk.toString('latin1')
    if (this.#request.endsWith('\r\n\r\n')) this.#connect()
    done()
  }

  override _read (): void {
    this.#stream?.resume()
  }

  override _final (done: () => void): void {
    this.#stream?.end()
    done()
  }

  override _destroy (error: Error | null, done: (error: Error | null) => void): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL)
    done(error)
  }

  #connect (): void {
    const [requestLine = '', ...lines] = this.#request.trimEnd().split('\r\n')
    const fields = new Map(lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }))
    const stream = this.#session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': this.#session.encrypted ? 'https' : 'http',
      ':authority': fields.get('host'),
      ':path': requestLine.split(' ')[1],
      ...Object.fromEntries([...fields].filter(([name]) => !NOT_FOR_STREAMS.has(name)))
    }, { endStream: false })
    stream.on('response', (headers) => this.#answer(headers, fields.get('sec-websocket-key')!))
    stream.on('data', (chunk: Buffer) => { if (!this.push(chunk)) stream.pause() })
    stream.on('end', () => this.push(null))
    stream.on('error', () => {})
    // What the stream brought just before it closed is still to be read.
    stream.on('close', () => setImmediate(() => this.destroy()))
    this.#stream = stream
  }

  #answer (headers: IncomingHttpHeaders & { ':status'?: number }, key: string): void {
    const { ':status': status, ...fields } = headers
    const accept = createHash('sha1').update(key + GUID).digest('base64')
    const lines = status === 200
      ? ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
      : [`HTTP/1.1 ${status} Refused`, 'Connection: close']
    for (const [name, value] of Object.entries(fields)) {
      for (const each of [value].flat()) lines.push(`${name}: ${each}`)
    }
    this.push(`${lines.join('\r\n')}\r\n\r\n`)
  }
}
