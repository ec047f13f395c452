const MOST_ROOMS = 100
const MOST_MESSAGES = 50

class Room {
  /** The last messages, the oldest first. */
  history = []
  /** Numbers of open sockets, by the name of their user. */
  #sockets = new Map()

  get people () {
    return [...this.#sockets.keys()]
  }

  /** Returns whether this is the user's only socket in the room. */
  enter (user) {
    const count = (this.#sockets.get(user) ?? 0) + 1
    this.#sockets.set(user, count)
    return count === 1
  }

  /** Returns whether the user has no other socket in the room. */
  leave (user) {
    const count = this.#sockets.get(user) - 1
    if (count > 0) this.#sockets.set(user, count)
    else this.#sockets.delete(user)
    return count === 0
  }

  remember (message) {
    this.history.push(message)
    if (this.history.length > MOST_MESSAGES) this.history.shift()
  }
}

/** Rooms, by name. Those with people are kept. Of the others, those that were opened last are. */
export class Rooms {
  #rooms = new Map()

  open (name) {
    const room = this.#rooms.get(name) ?? new Room()
    this.#rooms.delete(name)
    if (this.#rooms.size >= MOST_ROOMS) this.#forgetOldest()
    this.#rooms.set(name, room)
    return room
  }

  #forgetOldest () {
    for (const [name, { people }] of this.#rooms) {
      if (people.length === 0) return this.#rooms.delete(name)
    }
  }
}
