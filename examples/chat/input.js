/** Schemas of what clients send. */
export const PARAMS = objectOf({ room: { type: 'string', pattern: '^[a-z0-9-]{1,24}$' } })
export const MESSAGE = objectOf({
  // The page chooses it, to recognize its own message. The server never looks anything up by it.
  id: { type: 'string', format: 'uuid' },
  text: { type: 'string', maxLength: 500, pattern: '\\S' }
})

export function objectOf (properties) {
  return { type: 'object', properties, required: Object.keys(properties) }
}

/** Returns undefined for text that is not JSON. */
export function parse (data) {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}
