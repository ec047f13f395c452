import { once } from 'node:events'
import { Redis } from 'ioredis'

/** Messages of a room that are kept, about. A client that has missed more does not receive the older ones. */
const KEPT = 10_000
/** Messages that a client receives when it joins for the first time. */
const RECENT = 50
/** Messages of one answer to a client that has missed some. */
const PAGE = 500
/** In s. A message that a client sends again after this time is another message. */
const REMEMBERED = 24 * 3600

/**
 * Appends a message to the log of its room, unless the log had a message with this id. Returns its number: the messages
 * of a room are numbered from 1 on.
 */
const APPEND = `
  local number = redis.call('GET', KEYS[3])
  if number then return tonumber(number) end
  number = redis.call('INCR', KEYS[2])
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '0-' .. number, 'message', ARGV[1])
  redis.call('SET', KEYS[3], number, 'EX', ARGV[3])
  return number
`

/** Options of connections whose commands fail while Redis is down, after 500 ms at most: none of them waits for it. */
export const NEVER_WAIT = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  commandTimeout: 500,
  retryStrategy: () => 100
}

/** The messages of all rooms, a Redis stream for each. */
export class Log {
  #redis

  constructor (url) {
    this.#redis = new Redis(url, { ...NEVER_WAIT, scripts: { append: { numberOfKeys: 3, lua: APPEND } } })
    // Each command reports that Redis is down.
    this.#redis.on('error', () => {})
  }

  /** Resolves when the connection is open. */
  async connect () {
    if (this.#redis.status !== 'ready') await once(this.#redis, 'ready')
  }

  /** Appends a message, once for each id. Returns its number. */
  append (room, message) {
    const keys = [logOf(room), numberOf(room), `chat:id:${room}:${message.id}`]
    return this.#redis.append(...keys, JSON.stringify(message), KEPT, REMEMBERED)
  }

  /** Returns the messages after a number, or the last ones if it is null. */
  async read (room, after) {
    const entries = after === null
      ? (await this.#redis.xrevrange(logOf(room), '+', '-', 'COUNT', RECENT)).reverse()
      : await this.#redis.xrange(logOf(room), `0-${after + 1}`, '+', 'COUNT', PAGE)
    return entries.map(([id, [, json]]) => ({ ...JSON.parse(json), number: Number(id.slice(2)) }))
  }

  /** Returns the numbers of the last messages of rooms. */
  async readNewest (rooms) {
    return rooms.length === 0 ? [] : (await this.#redis.mget(rooms.map(numberOf))).map(Number)
  }

  /** Closes the connection when all commands are answered. */
  async close () {
    await this.#redis.quit().catch(() => this.#redis.disconnect())
  }
}

function logOf (room) {
  return `chat:log:${room}`
}

function numberOf (room) {
  return `chat:number:${room}`
}
