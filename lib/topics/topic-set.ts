/** Topics of one socket. Its user can read them; the methods that change a Set throw. */
export class TopicSet extends Set<string> {
  override add (_topic: string): this {
    throw new TypeError('socket.topics is read-only: call socket.subscribe()')
  }

  override delete (_topic: string): boolean {
    throw new TypeError('socket.topics is read-only: call socket.unsubscribe()')
  }

  override clear (): void {
    throw new TypeError('socket.topics is read-only: call socket.unsubscribe()')
  }

  /** Adds a topic. */
  include (topic: string): void {
    super.add(topic)
  }

  /** Removes a topic. Returns false if the set does not have it. */
  exclude (topic: string): boolean {
    return super.delete(topic)
  }
}
