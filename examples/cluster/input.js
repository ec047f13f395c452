const ID = { type: 'string', format: 'uuid' }
const TEXT = { type: 'string', maxLength: 500, pattern: '\\S' }
const NUMBER = { type: ['integer', 'null'], minimum: 0 }

export const PARAMS = objectOf({ room: { type: 'string', pattern: '^[a-z0-9-]{1,24}$' } })

/** Schema of what clients send: a message, or the number after which a client requests messages. */
export const INPUT = { type: 'object', oneOf: [objectOf({ id: ID, text: TEXT }), objectOf({ after: NUMBER })] }

function objectOf (properties) {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
}

export function parse (data) {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}
