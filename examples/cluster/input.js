import { MESSAGE, objectOf } from '../chat/input.js'

const NUMBER = { type: ['integer', 'null'], minimum: 0 }

/** Schema of what clients send: a message, or the number after which a client requests messages. */
export const INPUT = {
  type: 'object',
  oneOf: [MESSAGE, objectOf({ after: NUMBER })].map((schema) => ({ ...schema, additionalProperties: false }))
}
