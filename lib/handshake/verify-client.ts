import { STATUS_CODES } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { VerifyClient } from '../../types/index.ts'
import { logError, toError } from '../error-handling.ts'
import { FST_WS_INVALID_REFUSAL } from '../errors.ts'
import { isPromise } from '../options/validate.ts'
import { kUpgrade } from '../symbols.ts'
import { toRefusalFields } from './header-fields.ts'
import type { RawRequest, Upgrade } from './upgrade.ts'

type Info = Parameters<VerifyClient>[0]
type Done = Parameters<VerifyClient>[1]

const UNAUTHORIZED = 401
const INTERNAL_SERVER_ERROR = 500

/**
 * Wraps the user's `verifyClient`, which may return a promise, for ws. Only its first decision counts. If it throws or
 * rejects, the client receives 500.
 *
 * @param log logs errors of requests that have no logger
 */
export function guardVerifyClient (verify: VerifyClient, log: FastifyBaseLogger): VerifyClient {
  // Like ws: a function with two parameters decides with a callback, any other with its return value.
  const usesCallback = verify.length === 2

  return (info, done) => {
    const decision = new Decision(info, done, log)
    const verdict = decision.attempt(() => verify(info, decision.decide))
    if (isPromise(verdict)) {
      Promise.resolve(verdict)
        .then((verified) => { if (!usesCallback) decision.decide(Boolean(verified)) })
        .catch(decision.fail)
    } else if (!usesCallback) {
      decision.decide(Boolean(verdict))
    }
  }
}

/** Decision about one handshake. Only the first one counts. */
class Decision {
  readonly #upgrade: Upgrade | undefined
  readonly #done: Done
  readonly #log: FastifyBaseLogger
  #isDecided = false

  constructor ({ req }: Info, done: Done, log: FastifyBaseLogger) {
    this.#upgrade = (req as RawRequest)[kUpgrade]
    this.#done = done
    this.#log = this.#upgrade?.log ?? log
  }

  /**
   * Calls a function that may decide.
   *
   * @throws the error of that function, unless it has decided before
   */
  attempt (verify: () => unknown): unknown {
    try {
      return verify()
    } catch (error) {
      if (!this.#isDecided) throw error
      this.#report(error)
      return undefined
    }
  }

  readonly decide: Done = (verified, status, message, headers) => {
    if (this.#isDecided) return
    this.#isDecided = true
    try {
      if (verified) this.#accept()
      else this.#refuse(status, message, headers)
    } catch (error) {
      this.#report(error)
      this.#failHandshake()
    }
  }

  readonly fail = (error: unknown): void => {
    this.#report(error)
    if (this.#isDecided) return
    this.#isDecided = true
    this.#failHandshake()
  }

  #accept (): void {
    // Unless handshakeTimeout has refused the handshake.
    if (this.#upgrade?.response.headersSent !== true) this.#done(true)
  }

  /** Sends the refusal like any reply of a route. ws would write the user's headers unchecked, with any line breaks. */
  #refuse (status?: number, message?: string, headers: OutgoingHttpHeaders = {}): void {
    // Like ws: a falsy status or message counts as omitted.
    const code = Number(status || UNAUTHORIZED)
    if (!Number.isInteger(code) || code < 300 || code > 599) throw new FST_WS_INVALID_REFUSAL(String(status))

    const body = Buffer.from(String(message || STATUS_CODES[code]))
    const fields = toRefusalFields(headers, body.length)
    if (this.#upgrade === undefined) return this.#done(false, code, String(body), headers)
    this.#upgrade.refusal ??= { cause: 'verify_client', isLogged: false }
    if (!this.#upgrade.response.headersSent) this.#upgrade.response.writeHead(code, fields).end(body)
  }

  #failHandshake (): void {
    if (this.#upgrade === undefined) return this.#done(false, INTERNAL_SERVER_ERROR)
    const { isAnswered, response } = this.#upgrade
    this.#upgrade.refusal ??= { cause: 'verify_client', isLogged: true }
    if (isAnswered) this.#upgrade.abort()
    else if (!response.headersSent) response.writeHead(INTERNAL_SERVER_ERROR, { 'content-length': 0 }).end()
  }

  #report (error: unknown): void {
    logError(this.#log, toError(error, 'verifyClient'), 'verifyClient failed')
  }
}
