import { STATUS_CODES } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import { isPromise } from '../options/validate.ts'
import { FST_WS_INVALID_REFUSAL } from '../errors.ts'
import { toRefusalFields } from './header-fields.ts'
import { kUpgrade } from '../symbols.ts'
import { logError, toError } from '../error-handling.ts'
import type { RawRequest, Upgrade } from './upgrade.ts'
import type { VerifyClient } from '../../types/index.ts'

type Info = Parameters<VerifyClient>[0]
type Done = Parameters<VerifyClient>[1]

const UNAUTHORIZED = 401
const INTERNAL_SERVER_ERROR = 500

/**
 * Makes a `verifyClient` for ws from that of the user, which may return a promise. It decides once, and where it fails
 * the client gets 500.
 *
 * @param log takes what goes wrong where a request has no logger
 */
export function guardVerifyClient (verify: VerifyClient, log: FastifyBaseLogger): VerifyClient {
  // As ws has it: a function with a second parameter decides by a call of that, any other by what it returns.
  const isCaller = verify.length === 2

  return (info, done) => {
    const decision = new Decision(info, done, log)
    const verdict = decision.attempt(() => verify(info, decision.decide))
    if (isPromise(verdict)) {
      Promise.resolve(verdict)
        .then((verified) => { if (!isCaller) decision.decide(Boolean(verified)) })
        .catch(decision.fail)
    } else if (!isCaller) {
      decision.decide(Boolean(verdict))
    }
  }
}

/** What is decided about one handshake: the first decision holds. */
class Decision {
  readonly #upgrade: Upgrade | undefined
  readonly #done: Done
  readonly #log: FastifyBaseLogger
  #isMade = false

  constructor ({ req }: Info, done: Done, log: FastifyBaseLogger) {
    this.#upgrade = (req as RawRequest)[kUpgrade]
    this.#done = done
    this.#log = this.#upgrade?.log ?? log
  }

  /**
   * Calls a function that may decide.
   *
   * @throws what it throws, unless it has decided before
   */
  attempt (verify: () => unknown): unknown {
    try {
      return verify()
    } catch (error) {
      if (!this.#isMade) throw error
      this.#report(error)
      return undefined
    }
  }

  readonly decide: Done = (verified, status, message, headers) => {
    if (this.#isMade) return
    this.#isMade = true
    try {
      if (verified) this.#accept()
      else this.#refuse(status, message, headers)
    } catch (error) {
      this.#report(error)
      this.#giveUp()
    }
  }

  readonly fail = (error: unknown): void => {
    this.#report(error)
    if (this.#isMade) return
    this.#isMade = true
    this.#giveUp()
  }

  #accept (): void {
    // Not where handshakeTimeout has refused.
    if (this.#upgrade?.response.headersSent !== true) this.#done(true)
  }

  /** Answers as any reply of a route is answered: ws would write what it is given as it is, line breaks and all. */
  #refuse (status?: number, message?: string, headers: OutgoingHttpHeaders = {}): void {
    // As ws has it: what is falsy is not given.
    const code = Number(status || UNAUTHORIZED)
    if (!Number.isInteger(code) || code < 300 || code > 599) throw new FST_WS_INVALID_REFUSAL(String(status))

    const body = Buffer.from(String(message || STATUS_CODES[code]))
    const fields = toRefusalFields(headers, body.length)
    if (this.#upgrade === undefined) return this.#done(false, code, String(body), headers)
    if (!this.#upgrade.response.headersSent) this.#upgrade.response.writeHead(code, fields).end(body)
  }

  #giveUp (): void {
    if (this.#upgrade === undefined) return this.#done(false, INTERNAL_SERVER_ERROR)
    const { isAnswered, response } = this.#upgrade
    if (isAnswered) this.#upgrade.abort()
    else if (!response.headersSent) response.writeHead(INTERNAL_SERVER_ERROR, { 'content-length': 0 }).end()
  }

  #report (error: unknown): void {
    logError(this.#log, toError(error, 'verifyClient'), 'verifyClient failed')
  }
}
