import { Admission } from '../../lib/handshake/admission.ts'

const { admit } = Admission.prototype
let last: Admission | undefined

Admission.prototype.admit = function (...parameters) {
  last = this
  return admit.apply(this, parameters)
}

/** Returns the counters of the server that has received the last handshake. */
export function lastAdmission (): Admission {
  if (last === undefined) throw new Error('no handshake was received')
  return last
}
