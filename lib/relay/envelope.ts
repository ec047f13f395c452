import { createHash } from 'node:crypto'
import type { RelayMessage } from '../../types/index.ts'

/**
 * Topic of a message at the relay, and its data. All values survive any encoding, such as JSON, MessagePack or BSON:
 * binary data is base64, and a name has ASCII only.
 */
export interface Envelope extends RelayMessage {
  topic: string
  /** Node that has published the message. */
  id: string
  /** Escaped name of the topic. */
  name: string
  data: string
  binary: boolean
}

const PREFIX = 'fastify-websocket-h2.'
const ESCAPED = /[^A-Za-z0-9_-]/g

/**
 * Longest name that is part of a topic. NATS has a limit of 4,096 bytes for a line of its protocol, and MQTT brokers
 * have limits too.
 */
const MAX_NAME = 200

/**
 * Returns a name for each topic, of characters that have no meaning for an MQEmitter, Redis, NATS or MQTT. Another
 * character is the hexadecimal number of its UTF-16 code unit, so that a lone surrogate keeps its value.
 */
export function escapeTopic (topic: string): string {
  return topic.replaceAll(ESCAPED, (character) => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Returns the topic of an escaped name at the relay. Of a long name it has the hash. */
export function topicOf (name: string): string {
  return name.length <= MAX_NAME ? `${PREFIX}topic-${name}` : `${PREFIX}hash-${createHash('sha256').update(name).digest('hex')}`
}

/** Returns the topic at the relay that only one node subscribes to. */
export function topicOfNode (id: string): string {
  return `${PREFIX}node-${id}`
}

/**
 * Returns the message for the relay.
 *
 * @param id of the node
 * @throws if a string would be longer than those of V8
 */
export function createEnvelope (id: string, topic: string, data: string | Uint8Array, isBinary: boolean): Envelope {
  const name = escapeTopic(topic)
  return { topic: topicOf(name), id, name, data: encodeData(data, isBinary), binary: isBinary }
}

/** Returns the data of a message as the string of an envelope. */
export function encodeData (data: string | Uint8Array, isBinary: boolean): string {
  if (typeof data === 'string') return isBinary ? Buffer.from(data).toString('base64') : data
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString(isBinary ? 'base64' : 'utf8')
}

export function decodeData ({ data, binary }: Envelope): string | Buffer {
  return binary ? Buffer.from(data, 'base64') : data
}

/** Returns whether a message has the values of an envelope with this name. */
export function isEnvelope (message: unknown, name: string): message is Envelope {
  if (typeof message !== 'object' || message === null) return false
  const envelope = message as Partial<Envelope>
  return envelope.name === name && typeof envelope.id === 'string' && typeof envelope.data === 'string' &&
    typeof envelope.binary === 'boolean'
}
