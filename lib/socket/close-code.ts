import { isProtocolError } from '../error-handling.ts'

// RFC 6455 section 7.1.5.
const ABNORMAL_CLOSURE = 1006

/**
 * Code of a socket's 'close' event. ws reports only a code that the peer sent. After a protocol error of the peer, the
 * event has the code of the Close frame that answered the error, if that frame was sent.
 */
export class CloseCode {
  /** Code of the Close frame that is being sent. */
  #sent: number | undefined
  /** Code of the Close frame that answered a protocol error. */
  #errorCloseCode: number | undefined

  /** @param code undefined if no Close frame is sent */
  send (code: number | undefined): void {
    this.#sent = code
  }

  /** Called with each error of the socket. ws sends its Close frame first, then emits the error. */
  onError (error: unknown): void {
    if (isProtocolError(error)) this.#errorCloseCode = this.#sent
  }

  /**
   * @param reported the code that ws reports
   * @param hasFinishedWriting whether the Close frame was sent
   */
  resolve (reported: number, hasFinishedWriting: boolean): number {
    if (reported !== ABNORMAL_CLOSURE || !hasFinishedWriting) return reported
    return this.#errorCloseCode ?? reported
  }
}
