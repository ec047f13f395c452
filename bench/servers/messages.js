/** Messages that the servers of the fan-out scenarios send. Bun runs this file too. */

export const TOPIC = 'all'

const SMALL = 64
const messages = new Map()

/** Returns a message that is `bytes` long as text: a string up to 64 B, above that an object to be sent as JSON. */
export function messageOf (bytes) {
  if (!messages.has(bytes)) messages.set(bytes, bytes > SMALL ? createObject(bytes) : 'x'.repeat(bytes))
  return messages.get(bytes)
}

/** Returns the text of a message. */
export function encode (message) {
  return typeof message === 'string' ? message : JSON.stringify(message)
}

/** Returns an object with as many entries as fit, and a string that fills the rest. */
function createObject (bytes) {
  const object = { type: 'update', entries: [], rest: '' }
  for (let id = 0; ; id++) {
    object.entries.push({ id: 100_000 + id, name: `user ${id}`, online: id % 3 === 0, score: id * 1.5 })
    if (encode(object).length <= bytes) continue
    object.entries.pop()
    object.rest = 'x'.repeat(bytes - encode(object).length)
    return object
  }
}
