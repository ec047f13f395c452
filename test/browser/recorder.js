/* global Response, WebSocket */
/**
 * Records what the page does with sockets and with answers of its server, so that a test can compute the figures that the
 * page shows without its code. Runs in the page, before its scripts.
 */
export function installRecorder () {
  const sockets = []
  const answers = []
  globalThis.recorder = { sockets, answers }

  globalThis.WebSocket = class extends WebSocket {
    #record

    constructor (url, ...rest) {
      const createdAt = performance.now()
      super(url, ...rest)
      const record = this.#record = {
        path: new URL(this.url).pathname,
        port: Number(new URL(this.url).port),
        createdAt,
        sentBytes: 0,
        receivedBytes: 0,
        // Times of each message that was sent before the answer arrived, and of the answer.
        roundTrips: []
      }
      sockets.push(record)
      this.addEventListener('open', () => { record.openedAt = performance.now() })
      this.addEventListener('message', ({ data }) => this.#onMessage(data))
      this.addEventListener('close', ({ code }) => { record.closeCode = code })
    }

    send (data) {
      const record = this.#record
      record.sentAt = performance.now()
      record.sentBytes += data.byteLength ?? data.length
      super.send(data)
    }

    #onMessage (data) {
      const record = this.#record
      const now = performance.now()
      record.receivedBytes += data.byteLength ?? data.length
      if (record.firstMessage === undefined) {
        record.firstMessage = typeof data === 'string' ? data : ''
        record.firstMessageAt = now
      }
      if (record.sentAt === undefined) return
      record.roundTrips.push([record.sentAt, now])
      record.sentAt = undefined
    }
  }

  // A clone of the response would delay the page until both were read.
  const { json } = Response.prototype
  Response.prototype.json = async function () {
    const answer = await json.call(this)
    answers.push({ path: new URL(this.url).pathname, body: structuredClone(answer) })
    return answer
  }
}
